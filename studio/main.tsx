import { render } from 'preact'
import { App } from './components/app.tsx'

if ('serviceWorker' in navigator) void navigator.serviceWorker.register('./sw.js')
render(<App />, document.getElementById('app')!)
