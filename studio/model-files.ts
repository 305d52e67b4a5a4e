/** What the studio needs of the repository and its packages: configurations, and the weights of the default model's networks. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const repository = join(import.meta.dirname, '..')
const under = (folder: string, pattern: RegExp) =>
  readdirSync(join(repository, folder))
    .filter(name => pattern.test(name))
    .sort()
    .map(name => `${folder}/${name}`)

const faceApi = 'node_modules/@vladmandic/face-api/model'

/** Paths from the repository's root, as the library asks for them. */
export const modelFiles: readonly string[] = [
  'configs/anonymize.yaml',
  'configs/hide.yaml',
  'configs/models/faces-1024.yaml',
  ...under('assets', /^(?!faces-128).*\.safetensors$/),
  ...under('assets/recognizers', /\.(safetensors|json)$/),
  ...under(
    faceApi,
    /^(age_gender|face_expression|face_landmark_68|face_recognition|ssd_mobilenetv1)_model(\.bin|-weights_manifest\.json)$/,
  ),
  ...under('node_modules/@vladmandic/human/models', /^(faceres|iris)\.(bin|json)$/),
  'native/kernels.wasm',
]
