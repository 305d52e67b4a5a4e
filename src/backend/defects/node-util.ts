/**
 * Node 23 took `isNullOrUndefined` and `isArray` out of `node:util`; tfjs-node 4.22 still calls both, and each of its
 * operations then fails with "is not a function". They are put back before tfjs-node is loaded.
 */
import { createRequire } from 'node:module'

/** Defines the two functions where they are missing, on the object that CommonJS `require('util')` returns. */
export function restoreNodeUtil(util: Record<string, unknown> = createRequire(import.meta.url)('node:util')): void {
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined
  util.isArray ??= Array.isArray
}
