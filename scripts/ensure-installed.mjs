// Installs the npm dependencies when node_modules is absent or older than the lock file, so that one command is the whole set-up:
// exactly those of the lock file, whose checksums npm compares, and none that was published since.
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const lock = join(root, 'package-lock.json')
const installed = join(root, 'node_modules/.package-lock.json')

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `diff-privacy needs Node 20.19 or newer, found ${process.versions.node}: install a current Node and run the command again.`,
  )
  process.exit(2)
}

const isStale = !existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs
// A link leads to what somebody else installed, which is not ours to replace.
const isLink = lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()
if (isStale && isLink) console.warn('node_modules is a link, and older than package-lock.json: left as it is')
else if (isStale) {
  const hadNative = existsSync(join(root, 'node_modules/@tensorflow/tfjs-node/lib'))
  console.log('Installing npm dependencies (once)…')
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) {
    console.error('npm ci failed: its own message is above.')
    process.exit(2)
  }
  // npm ci starts from an empty folder.
  if (hadNative) console.log('The tensorflow backend has to be built again: npm run native')
}
