/**
 * The paper's setting at full size, without the published weights: files of procedural weights in the published formats, and a
 * photo anonymized, hidden and recovered with them. What comes out means nothing; that it comes out, how long it takes and
 * in how much memory does.
 *
 *   npx tsx scripts/full-size.ts DIR [--size 256] [--steps 5]
 *
 * needs 12 GB of disk and as much memory, and Python with torch and safetensors for the .ckpt.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { stringify } from 'yaml'
import { peakMemory } from '../bench/peak-memory.ts'
import { loadModelConfig } from '../src/config/model.ts'
import { bisenet } from '../src/models/bisenet.ts'
import { clipImage } from '../src/models/clip.ts'
import { clipVitL14 } from '../src/models/clip-features.ts'
import { latentDiffusion, parametersOf, prefixes } from '../src/models/latent-diffusion.ts'
import type { Shapes } from '../src/models/module.ts'
import { withPrefix } from '../src/models/module.ts'
import { inceptionResnetV1 } from '../src/models/recognizers/inception-resnet.ts'
import { irSe50 } from '../src/models/recognizers/ir-se50.ts'
import { proceduralWeight } from '../src/parity/procedural.ts'
import { cacheFolder } from '../src/weights/cache.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: 'string', default: '256' }, steps: { type: 'string', default: '5' } },
})
if (!positionals[0]) throw new Error('usage: npx tsx scripts/full-size.ts DIR [--size 256] [--steps 5]')
const folder = resolve(positionals[0])
const root = fileURLToPath(new URL('../', import.meta.url))

/** Writes procedural weights unless they are there. */
async function write(name: string, parameters: Shapes): Promise<string> {
  const path = join(folder, name)
  if (existsSync(path)) return path
  const tensors = Object.entries(parameters).map(
    ([name, shape]) => [name, { shape, data: () => proceduralWeight(name, shape) }] as const,
  )
  await writeSafetensors(path, new Map(tensors))
  return path
}

/** Runs a command to its end and prints how long it and the processors took, and the most memory that it held. */
async function measured(what: string, command: string, args: string[]): Promise<void> {
  const started = performance.now()
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] })
  let [peak, ticks] = [0, 0]
  let said = ''
  child.stderr.on('data', chunk => {
    said += chunk
  })
  const timer = setInterval(() => {
    try {
      peak = Math.max(peak, peakMemory(child.pid) ?? 0)
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
      ticks = Number(fields[11]) + Number(fields[12])
    } catch {
      // It has ended: what was read last stays.
    }
  }, 100)
  const code = await new Promise(resolve => child.on('close', resolve))
  clearInterval(timer)
  if (code !== 0) throw new Error(`${what} ended with ${code}: ${said}`)
  const seconds = (performance.now() - started) / 1000
  console.log(
    `| ${what} | ${seconds.toFixed(0)} s | ${(ticks / 100).toFixed(0)} s | ${(peak / 2 ** 30).toFixed(1)} GiB |`,
  )
}

await mkdir(folder, { recursive: true })
const config = await loadModelConfig('stable-diffusion-v1-4')
const { autoencoder, unet, text, msi } = parametersOf(latentDiffusion(config))
const checkpoint = await write('stable-diffusion.safetensors', {
  ...withPrefix(unet, prefixes.unet),
  ...withPrefix(autoencoder, prefixes.autoencoder),
  ...withPrefix(text, prefixes.text),
})
const others = {
  msi: await write('msi.safetensors', msi),
  clip: await write('clip.safetensors', withPrefix(clipImage(clipVitL14).parameters, 'vision_model.')),
  arcFace: await write('ir-se50.safetensors', irSe50().parameters),
  faceNet: await write('facenet.safetensors', inceptionResnetV1().parameters),
  bisenet: await write('bisenet.safetensors', bisenet().parameters),
}

/** A model file of the size asked for over a checkpoint. */
async function modelFile(name: string, base: string): Promise<string> {
  const path = join(folder, `${name}.yaml`)
  const model = {
    extends: join(root, 'configs/models/stable-diffusion-v1-4.yaml'),
    imageSize: Number(options.size),
    weights: { autoencoder: base, unet: base, text: base, msi: others.msi },
    features: { network: 'clip-vit-l-14', weights: others.clip },
  }
  await writeFile(path, stringify(model))
  return path
}

// Recognizers and the parser are found where `weights pull` puts them.
const published: Readonly<Record<string, string>> = {
  'arcface-ir-se50/model_ir_se50.pth': others.arcFace,
  'facenet-vggface2/20180402-114759-vggface2.pt': others.faceNet,
  'bisenet/79999_iter.pth': others.bisenet,
}
process.env.XDG_CACHE_HOME = join(folder, 'cache')
for (const [name, file] of Object.entries(published)) {
  const target = cacheFolder(name)
  await mkdir(dirname(target), { recursive: true })
  if (!existsSync(target)) await copyFile(file, target)
}

// One face of a photo that comes with face-api.
const photo = join(folder, 'photo.png')
const sample = join(root, 'node_modules/@vladmandic/face-api/demo/sample1.jpg')
await sharp(sample).extract({ left: 330, top: 280, width: 400, height: 400 }).png().toFile(photo)

/** Anonymizes, hides and recovers the photo with a model file; the protected pictures' hash. */
async function protect(name: string, model: string): Promise<string> {
  const out = join(folder, name)
  const cli = [join(root, 'bin/diff-privacy.mjs')]
  const settings = ['--steps', options.steps, '--set', `recovery.steps=${options.steps}`, '--samples', '1']
  const common = ['--model', model, '--backend', 'tensorflow', '--out', out]
  for (const task of ['anonymize', 'hide'] as const) {
    const config = join(root, `configs/paper/${task}.yaml`)
    await measured(`${name}: ${task}`, process.execPath, [
      ...cli,
      task,
      photo,
      '--config',
      config,
      ...settings,
      ...common,
    ])
  }
  const locked = join(out, 'photo.anonymized.png')
  await measured(`${name}: recover`, process.execPath, [...cli, 'recover', locked, ...common])
  const hash = createHash('sha256')
  for (const file of ['photo.anonymized.png', 'photo.hidden.png', 'photo.anonymized.recovered.png'])
    hash.update(await readFile(join(out, file)))
  return hash.digest('hex')
}

console.log(
  `Faces of ${options.size} x ${options.size}, ${options.steps} DDIM steps, ${cpus()[0]?.model}, ${cpus().length} cores\n`,
)
console.log('| what | time | processor time | peak memory |\n| --- | --- | --- | --- |')
const ckpt = join(folder, 'stable-diffusion.ckpt')
const hashes = [await protect('safetensors', await modelFile('safetensors', checkpoint))]
if (!existsSync(ckpt)) {
  const script = join(root, 'scripts/safetensors-to-ckpt.py')
  await measured('writing the .ckpt (PyTorch)', 'python3', [script, checkpoint, ckpt])
}
hashes.push(await protect('ckpt', await modelFile('ckpt', ckpt)))
console.log(hashes[0] === hashes[1] ? '\nBoth files give the same pictures.' : '\nTHE FILES GIVE DIFFERENT PICTURES.')
if (hashes[0] !== hashes[1]) process.exitCode = 1
