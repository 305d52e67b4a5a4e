/**
 * The library in browsers: the core of index.ts without files and processes. Say with `provideFiles` where the bytes of models come
 * from, start a backend, and open a model.
 */
export { type BrowserBackend, browserBackends, type StartOptions, useBackend } from './backend/start.browser.ts'
export * from './core.ts'
export { type FileSource, provideFiles } from './util/provided-files.ts'
