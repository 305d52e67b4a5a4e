// Exports the kernels to the wasm backend, which gives them its memory and its allocator (src/backend/wasm-kernels.ts).
// `npm run native:wasm` compiles them.
#include "activations.h"
#include "attention.h"
#include "convolution.h"
#include "haar.h"
#include "normalisation.h"
#include "optimizer.h"
#include "pack.h"
#include "resample.h"
#include "separable.h"

namespace {

template <typename Options, void (*Compute)(const Options&, Call&)>
void compute() {
  Call call;
  Compute(Options(Attributes()), call);
}

}  // namespace

#define EXPORTED(name) extern "C" __attribute__((export_name(name))) void

EXPORTED("GroupNorm") exportGroupNorm() { compute<GroupNorm, groupNorm>(); }
EXPORTED("GroupNormGradient") exportGroupNormGradient() { compute<GroupNorm, groupNormGradient>(); }
EXPORTED("LayerNorm") exportLayerNorm() { compute<LayerNorm, layerNorm>(); }
EXPORTED("LayerNormGradient") exportLayerNormGradient() { compute<NoOptions, layerNormGradient>(); }
EXPORTED("GatedGelu") exportGatedGelu() { compute<NoOptions, gatedGelu>(); }
EXPORTED("GatedGeluGradient") exportGatedGeluGradient() { compute<NoOptions, gatedGeluGradient>(); }
EXPORTED("Convolution") exportConvolution() { compute<ForwardConvolution, convolution>(); }
EXPORTED("ConvolutionGradient") exportConvolutionGradient() { compute<BackwardConvolution, convolutionGradient>(); }
EXPORTED("Affine") exportAffine() { compute<Affine, affine>(); }
EXPORTED("ReluGradient") exportReluGradient() { compute<NoOptions, reluGradient>(); }
EXPORTED("MaxPoolGradient") exportMaxPoolGradient() { compute<Pool, maxPoolGradient>(); }
EXPORTED("Attention") exportAttention() { compute<Attention, attention>(); }
EXPORTED("AttentionGradient") exportAttentionGradient() { compute<Attention, attentionGradient>(); }
EXPORTED("Resample") exportResample() { compute<Resample, resample>(); }
EXPORTED("InverseHaar") exportInverseHaar() { compute<InverseHaar, inverseHaar>(); }
EXPORTED("InverseHaarGradient") exportInverseHaarGradient() { compute<NoOptions, inverseHaarGradient>(); }
EXPORTED("Haar") exportHaar() { compute<NoOptions, haar>(); }
EXPORTED("Depthwise") exportDepthwise() { compute<Depthwise, depthwise>(); }
EXPORTED("SeparableConvolution") exportSeparableConvolution() { compute<NoOptions, separableConvolution>(); }
EXPORTED("SeparableConvolutionGradient") exportSeparableConvolutionGradient() {
  compute<NoOptions, separableConvolutionGradient>();
}
EXPORTED("AdamW") exportAdamW() { compute<NoOptions, adamW>(); }
EXPORTED("Blend") exportBlend() { compute<NoOptions, blend>(); }
EXPORTED("Pack") exportPack() { compute<Pack, pack>(); }
