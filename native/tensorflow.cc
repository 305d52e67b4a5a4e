// Registers the kernels with TensorFlow through its C interface. `npm run native` compiles them for the processor at hand;
// without them the same operations are made of TensorFlow's own ones (src/models/ops), several times as many passes over
// memory. Everything is float32, images are NHWC.
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include <omp.h>

#include "activations.h"
#include "attention.h"
#include "convolution.h"
#include "haar.h"
#include "normalisation.h"
#include "optimizer.h"
#include "resample.h"
#include "separable.h"
#include "tensorflow/c/ops.h"

namespace {

/** A kernel's options as the library keeps them, and how it is called. */
template <typename Options>
void* create(TF_OpKernelConstruction* construction) {
  return new Options(Attributes(construction));
}
template <typename Options>
void destroy(void* options) {
  delete static_cast<Options*>(options);
}
template <typename Options, void (*Compute)(const Options&, Call&)>
void compute(void* options, TF_OpKernelContext* context) {
  Call call(context);
  try {
    Compute(*static_cast<Options*>(options), call);
  } catch (const std::exception& error) {
    call.fail(error.what());
  }
}

using Names = std::vector<std::string>;

/** Registers a kernel of float tensors by its name, inputs, outputs and attributes, as "name: type". */
template <typename Options, void (*Compute)(const Options&, Call&)>
void add(const std::string& name, const Names& inputs, const Names& outputs, const Names& attributes = {}) {
  const std::string registered = "DiffPrivacy" + name;
  TF_Status* status = TF_NewStatus();
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(registered.c_str());
  for (const auto& input : inputs) TF_OpDefinitionBuilderAddInput(op, (input + ": float").c_str());
  for (const auto& output : outputs) TF_OpDefinitionBuilderAddOutput(op, (output + ": float").c_str());
  for (const auto& attribute : attributes) TF_OpDefinitionBuilderAddAttr(op, attribute.c_str());
  TF_RegisterOpDefinition(op, status);
  TF_KernelBuilder* builder = TF_NewKernelBuilder(registered.c_str(), "CPU", create<Options>, compute<Options, Compute>,
                                                  destroy<Options>);
  TF_RegisterKernelBuilder(registered.c_str(), builder, status);
  TF_DeleteStatus(status);
}

void registerAll() {
  if (const char* threads = std::getenv("TF_NUM_INTRAOP_THREADS"))
    if (std::atoi(threads) > 0) omp_set_num_threads(std::atoi(threads));
  const Names group = {"groups: int", "epsilon: float", "silu: bool"}, heads = {"heads: int", "samples: int"};
  add<GroupNorm, groupNorm>("GroupNorm", {"x", "weight", "bias"}, {"y", "mean", "inverse"}, group);
  add<GroupNorm, groupNormGradient>("GroupNormGradient", {"dy", "x", "weight", "bias", "mean", "inverse"},
                                    {"dx", "dweight", "dbias"}, group);
  add<LayerNorm, layerNorm>("LayerNorm", {"x", "weight", "bias"}, {"y", "mean", "inverse"}, {"epsilon: float"});
  add<NoOptions, layerNormGradient>("LayerNormGradient", {"dy", "x", "weight", "mean", "inverse"},
                                    {"dx", "dweight", "dbias"});
  add<NoOptions, gatedGelu>("GatedGelu", {"x"}, {"y"});
  add<NoOptions, gatedGeluGradient>("GatedGeluGradient", {"dy", "x"}, {"dx"});
  add<ForwardConvolution, convolution>("Convolution", {"x", "filter", "bias", "addend"}, {"y"},
                                       {"stride: int", "same: bool", "relu: bool", "biased: bool", "added: bool"});
  add<BackwardConvolution, convolutionGradient>(
      "ConvolutionGradient", {"dy", "filter", "y"}, {"dx"},
      {"stride: int", "same: bool", "relu: bool", "height: int", "width: int"});
  add<Affine, affine>("Affine", {"x", "weight", "bias", "addend"}, {"y"},
                      {"transposed: bool", "biased: bool", "added: bool"});
  add<NoOptions, reluGradient>("ReluGradient", {"dy", "y"}, {"dx"});
  add<Pool, maxPoolGradient>("MaxPoolGradient", {"dy", "x"}, {"dx"}, {"side: int", "stride: int"});
  add<Attention, attention>("Attention", {"q", "k", "v"}, {"y"}, heads);
  add<Attention, attentionGradient>("AttentionGradient", {"dy", "q", "k", "v"}, {"dq", "dk", "dv"}, heads);
  add<Resample, resample>("Resample", {"x", "matrix"}, {"y"}, {"axis: int", "transposed: bool"});
  add<InverseHaar, inverseHaar>("InverseHaar", {"x", "scale"}, {"y"}, {"scaled: bool"});
  add<NoOptions, inverseHaarGradient>("InverseHaarGradient", {"dy", "x", "scale"}, {"dx", "dscale"});
  add<NoOptions, haar>("Haar", {"x"}, {"y"});
  add<Depthwise, depthwise>("Depthwise", {"x", "filter", "bias"}, {"y"},
                            {"turned: bool", "stride: int", "biased: bool", "relu: bool"});
  add<NoOptions, separableConvolution>("SeparableConvolution",
                                       {"x", "scale", "depthwise", "pointwise", "noise", "bias"}, {"y"});
  add<NoOptions, separableConvolutionGradient>("SeparableConvolutionGradient",
                                               {"dy", "y", "x", "scale", "depthwise", "pointwise"}, {"dx", "dscale"});
  add<NoOptions, adamW>("AdamW", {"weights", "gradient", "first", "second", "mask", "options"},
                        {"next", "next_first", "next_second", "norm"});
  add<NoOptions, blend>("Blend", {"from", "to", "share"}, {"y"});
}

}  // namespace

/** What Node calls when it loads the file as an addon; it has nothing to export. */
extern "C" __attribute__((visibility("default"))) void* napi_register_module_v1(void*, void* exports) {
  registerAll();
  return exports;
}
