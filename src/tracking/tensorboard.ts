/** TensorBoard event files: scalars, images, histograms, text and hyperparameters, one file for each start of the run. */
import { appendFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { encodeImage } from '../images/codec.ts'
import { makeFolder } from '../util/atomic-write.ts'
import { encode, hparamTypes, SESSION_START, STRING, sessionStatus } from './event-proto.ts'
import { histogram } from './histogram.ts'
import { frame } from './tf-record.ts'
import type { RunDescription, Tracker } from './tracker.ts'
import { Writer } from './writer.ts'

type Params = RunDescription['params']

/**
 * @param folder what `tensorboard --logdir` is given, or a folder in it
 * @param say told when the folder can no longer be written
 */
export function tensorboardTracker(folder: string, say: (message: string) => void): Tracker {
  const writer = new Writer(folder, say)
  const seconds = () => Date.now() / 1000
  // Later files sort after earlier ones, and no two starts share one.
  const file = join(folder, `events.out.tfevents.${String(Date.now()).padStart(14, '0')}.${hostname()}.${process.pid}`)
  const append = (event: Record<string, unknown>) => {
    const record = frame(encode('Event', { wall_time: seconds(), ...event }))
    // At once: what was told of a step is not told again when the process ends.
    writer.writeNow(() => appendFileSync(file, record))
  }
  const summary = (step: number, ...value: Record<string, unknown>[]) => append({ step, summary: { value } })

  return {
    async start({ params, compared, step }) {
      writer.write(() => makeFolder(folder))
      await writer.finish()
      append({ file_version: 'brain.Event:2' })
      // What an interrupted run wrote of later steps no longer counts: readers drop the step that is named here, too.
      append({ step: step + 1, session_log: { status: SESSION_START } })
      summary(0, hparams('experiment', { experiment: experiment(params, compared) }))
      const session = { hparams: Object.fromEntries(Object.entries(params).map(([k, v]) => [k, typed(v)])) }
      summary(0, hparams('session_start_info', { session_start_info: { ...session, start_time_secs: seconds() } }))
    },
    scalars(step, values) {
      summary(step, ...Object.entries(values).map(([tag, value]) => ({ tag, simple_value: value })))
    },
    image(step, tag, image) {
      const { width, height } = image
      writer.write(async () => {
        const encoded = await encodeImage(image, 'png')
        summary(step, { tag, image: { width, height, colorspace: 3, encoded_image_string: encoded } })
      })
    },
    histogram(step, tag, values) {
      const found = histogram(values)
      if (!found) return
      const { min, max, count, sum, sumOfSquares, edges, counts } = found
      const histo = { min, max, num: count, sum, sum_squares: sumOfSquares, bucket_limit: edges, bucket: counts }
      summary(step, { tag, histo })
    },
    text(step, name, text) {
      summary(step, {
        tag: `${name}/text_summary`,
        metadata: { plugin_data: { plugin_name: 'text' } },
        tensor: { dtype: STRING, tensor_shape: { dim: [{ size: 1 }] }, string_val: [Buffer.from(text)] },
      })
    },
    // TensorBoard has no place for files.
    artifact() {},
    async finish(outcome) {
      await writer.finish()
      const ending = { status: sessionStatus[outcome], end_time_secs: seconds() }
      summary(0, hparams('session_end_info', { session_end_info: ending }))
    },
  }
}

/** A message of the hparams plugin, which is carried by an empty tensor's metadata. */
function hparams(kind: string, content: Record<string, unknown>): Record<string, unknown> {
  const message = encode('HParamsPluginData', { version: 0, ...content })
  return {
    tag: `_hparams_/${kind}`,
    metadata: { plugin_data: { plugin_name: 'hparams', content: message } },
  }
}

function experiment(params: Params, compared: readonly string[]): Record<string, unknown> {
  return {
    hparam_infos: Object.entries(params).map(([name, value]) => ({ name, type: typeOf(value) })),
    metric_infos: compared.map(tag => ({ name: { tag } })),
  }
}

const typeOf = (value: Params[string]) => hparamTypes[typeof value as keyof typeof hparamTypes]

function typed(value: Params[string]): Record<string, unknown> {
  return { [`${typeof value === 'boolean' ? 'bool' : typeof value}_value`]: value }
}
