/** What tfjs's backends get wrong is put right on each of them, one file of defects/ a defect; in Node and in browsers alike. */
import { registerBatchMatMul } from './defects/wasm-batch-mat-mul.ts'
import {
  registerConv2dBackpropFilter,
  registerConv2dBackpropInput,
  registerDepthwiseBackpropFilter,
  registerDepthwiseBackpropInput,
} from './defects/wasm-convolution-gradients.ts'
import { registerIdentity } from './defects/wasm-identity.ts'
import { registerMaxPoolGrad } from './defects/wasm-max-pool-grad.ts'
import { registerUnsortedSegmentSum } from './defects/wasm-unsorted-segment-sum.ts'
import { registerAddN, registerMatMul } from './defects/webgpu.ts'

/** Once wasm is the backend in use. */
export function patchWasm(): void {
  registerBatchMatMul()
  registerConv2dBackpropFilter()
  registerConv2dBackpropInput()
  registerDepthwiseBackpropFilter()
  registerDepthwiseBackpropInput()
  registerIdentity()
  registerMaxPoolGrad()
  registerUnsortedSegmentSum()
}

/** Once webgpu is the backend in use. */
export function patchWebgpu(): void {
  registerAddN()
  registerMatMul()
}
