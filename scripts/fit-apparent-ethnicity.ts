/**
 * Fits assets/apparent-ethnicity.safetensors to UTKFace's labels (the third number of a file's name) and prints how every fourth
 * picture, left out of the fit, is told: `npx tsx scripts/fit-apparent-ethnicity.ts UTKFACE_FOLDER`.
 */
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { useBackend } from '../src/backend/index.ts'
import { apparentEthnicityPath, chipSide, ethnicities } from '../src/faces/latent-bank.ts'
import { loadRecognizer } from '../src/faces/recognizers.ts'
import { readImage, resizeImage } from '../src/images/codec.ts'
import { toTensor } from '../src/images/image.ts'
import { progress } from '../src/util/progress.ts'
import { textTable } from '../src/util/text-table.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'
import { logisticRegression, logits } from './logistic-regression.ts'

const settings = { decay: 3e-5, iterations: 400, rate: 0.1 }

const [folder = ''] = process.argv.slice(2)
await useBackend('tensorflow')
const { embed } = await loadRecognizer('faceres')
const labelOf = (name: string) => Number(/^\d+_[01]_([0-4])_/.exec(basename(name))?.[1] ?? Number.NaN)
const names = readdirSync(folder).filter(name => ethnicities[labelOf(name)] !== undefined)
const embeddings: number[][] = []
const bar = progress('embedding', names.length)
for (const name of names) {
  const face = toTensor(await resizeImage(await readImage(join(folder, name)), chipSide, chipSide))
  const embedding = embed(face)
  embeddings.push(Array.from(embedding.dataSync()))
  face.dispose()
  embedding.dispose()
  bar.update(embeddings.length)
}
bar.stop()

const labels = names.map(labelOf)
const fitOn = (kept: (i: number) => boolean) =>
  logisticRegression(
    embeddings.filter((_, i) => kept(i)),
    labels.filter((_, i) => kept(i)),
    ethnicities.length,
    settings,
  )
const judged = fitOn(i => i % 4 !== 0)
const confusion = ethnicities.map(() => ethnicities.map(() => 0))
for (let i = 0; i < names.length; i += 4) {
  const values = logits(judged, embeddings[i]!)
  confusion[labels[i]!]![values.indexOf(Math.max(...values))]!++
}
const header = ['label', ...ethnicities.map(name => `as ${name}`)]
const rows = confusion.map((row, k) => [ethnicities[k]!, ...row.map(String)])
console.log(textTable([header, ...rows], column => column > 0).join('\n'))

const { weights, bias } = fitOn(() => true)
await writeSafetensors(
  apparentEthnicityPath(),
  new Map([
    ['weight', { shape: [weights.length / bias.length, bias.length], data: weights }],
    ['bias', { shape: [bias.length], data: bias }],
  ]),
  { source: 'UTKFace' },
  { dtype: 'F16' },
)
