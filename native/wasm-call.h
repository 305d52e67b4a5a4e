// Attributes, inputs and outputs of a kernel that the wasm backend calls: its program (src/backend/wasm-kernels.ts) knows all
// of them, and the memory is tfjs's.
#pragma once

#include "shape.h"

#define IMPORTED(name) __attribute__((import_module("call"), import_name(name)))

extern "C" {
IMPORTED("attribute") double callAttribute(const char* name);
IMPORTED("input") const float* callInput(int i);
IMPORTED("rank") int callRank(int i);
IMPORTED("dimension") int callDimension(int i, int axis);
IMPORTED("output") float* callOutput(int i, const Index* dims, int rank);
IMPORTED("refuse") __attribute__((noreturn)) void callRefuse(const char* name, int wanted, int found);
}

/** Filters and weights come as `pack` lays them out, which the program does once for each. */
constexpr bool kPacked = true;

struct Attributes {
  Index integer(const char* name) const { return static_cast<Index>(callAttribute(name)); }
  float real(const char* name) const { return static_cast<float>(callAttribute(name)); }
  bool flag(const char* name) const { return callAttribute(name) != 0; }
};

struct Call {
  const float* input(int i) { return callInput(i); }
  Shape shape(int i) {
    Shape dims(callRank(i));
    for (size_t k = 0; k < dims.size(); k++) dims[k] = callDimension(i, static_cast<int>(k));
    return dims;
  }
  float* output(int i, const Shape& shape) { return callOutput(i, shape.data(), static_cast<int>(shape.size())); }
  /** An input has another number of values than it must have: the program's exception. */
  [[noreturn]] void refuse(const char* name, Index wanted, Index found) const { callRefuse(name, wanted, found); }
};
