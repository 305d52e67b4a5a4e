/** Networks whose published files have our names, and tensors besides that only their training needed. */
import { nameTable } from '../names.ts'
import type { Layout } from './layout.ts'

const ownNamesBut = (ignored: RegExp): Layout => ({ tables: [nameTable([['', '']])], ignored })

/** A network with batch normalisation, such as `model_ir_se50.pth` and `79999_iter.pth`: how many batches it has seen. */
export const batchNormLayout = ownNamesBut(/\.num_batches_tracked$/)

/** facenet-pytorch's InceptionResnetV1, with the classifier of its training. */
export const faceNetLayout = ownNamesBut(/\.num_batches_tracked$|^logits\./)
