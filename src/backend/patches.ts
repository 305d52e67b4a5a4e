/** What tfjs's backends get wrong is put right on each of them, one file of defects/ a defect; in Node and in browsers alike. */
import { registerBatchMatMul } from './defects/wasm-batch-mat-mul.ts'
import { registerConv2dBackpropFilter } from './defects/wasm-conv2d-backprop-filter.ts'
import { registerConv2dBackpropInput } from './defects/wasm-conv2d-backprop-input.ts'
import { registerDepthwiseBackpropFilter, registerDepthwiseBackpropInput } from './defects/wasm-depthwise-backprop.ts'
import { registerIdentity } from './defects/wasm-identity.ts'
import { registerMaxPoolGrad } from './defects/wasm-max-pool-grad.ts'
import { registerUnsortedSegmentSum } from './defects/wasm-unsorted-segment-sum.ts'
import { registerAddN } from './defects/webgpu-add-n.ts'
import { registerMatMul } from './defects/webgpu-mat-mul.ts'

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
