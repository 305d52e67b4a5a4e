// tslab runs cells as CommonJS in a context of its own, where import() knows no loader: here it does, and reads TypeScript.
const { resolve } = require('node:path')
const { pathToFileURL } = require('node:url')

/** Imports a module of this repository by its path from the notebooks' folder. */
exports.load = path => import(pathToFileURL(resolve(__dirname, path)).href)
