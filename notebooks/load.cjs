// tslab runs cells as CommonJS in a context of its own, where import() knows no loader: here it does, and reads TypeScript.

/** The library. */
exports.library = () => import('diff-privacy')
