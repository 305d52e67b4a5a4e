// What a kernel is given: `Attributes` to make its options of, and a `Call` with inputs and outputs. Each program that kernels
// are compiled for has its own of both.
#pragma once

#include "shape.h"

#if defined(__wasm__)
#include "wasm-call.h"
#else
#include "tensorflow-call.h"
#endif

/** Of a kernel that has no attributes. */
struct NoOptions {
  explicit NoOptions(const Attributes&) {}
};

/** An input that must have so many values. */
inline const float* sized(Call& call, int i, const char* name, Index wanted) {
  const Index found = size(call.shape(i));
  if (found != wanted) call.refuse(name, wanted, found);
  return call.input(i);
}

/** An input that counts only if the call says so (otherwise null), of one of two sizes. */
inline const float* optional(Call& call, int i, bool given, const char* name, Index wanted, Index alternative) {
  if (!given) return nullptr;
  const Index found = size(call.shape(i));
  if (found != wanted && found != alternative) call.refuse(name, wanted, found);
  return call.input(i);
}
