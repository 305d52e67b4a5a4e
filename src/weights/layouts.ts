/** How published files name the tensors of one network. */
import { type NameTable, nameTable } from './names.ts'

export interface Layout {
  /** Ways in which files write the names; the one under which a file has most of what is wanted is taken. */
  readonly tables: readonly NameTable[]
  /** Tensors that such files carry and that the network does not have: counters, averages, classifiers. */
  readonly ignored?: RegExp
}

/** The file has our names, all of them after `prefix`, which is empty or ends in a dot. */
export function under(prefix: string): Layout {
  return { tables: [nameTable([['', prefix.replace(/\.$/, '')]])] }
}

/** The image encoder of openai/clip-vit-large-patch14: within all of CLIP in one file, or by itself. */
export const clipImageLayout: Layout = {
  tables: [nameTable([['', 'vision_model']]), nameTable([['', '']])],
  // Indices 0, 1, 2, ... that transformers once kept among the weights.
  ignored: /(^|\.)position_ids$/,
}

// Networks whose published files have our names, and tensors besides that only their training needed.

const ownNamesBut = (ignored: RegExp): Layout => ({ tables: [nameTable([['', '']])], ignored })

/** A network with batch normalisation, such as `model_ir_se50.pth` and `79999_iter.pth`: how many batches it has seen. */
export const batchNormLayout = ownNamesBut(/\.num_batches_tracked$/)

/** facenet-pytorch's InceptionResnetV1, with the classifier of its training. */
export const faceNetLayout = ownNamesBut(/\.num_batches_tracked$|^logits\./)

/** A face generator, with the mapping network that draws its styles; and the encoder of its latents, and their statistics. */
export const generatorLayout: Layout = { tables: [nameTable([['', '']])], ignored: /^mapping\./ }

// MSI's weights: beside a model's other networks, or in a file of their own under the release's names.

export const msiLayout: Layout = { tables: [nameTable([['', 'msi']]), nameTable([['', '']])] }
