// Attributes, inputs and outputs of a kernel that TensorFlow calls through its C interface.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "shape.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/tf_tensor.h"

/** Filters and weights come as they are. */
constexpr bool kPacked = false;

class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction) : construction_(construction), status_(TF_NewStatus()) {}
  ~Attributes() { TF_DeleteStatus(status_); }
  Attributes(const Attributes&) = delete;

  Index integer(const char* name) const {
    int64_t value = 0;
    TF_OpKernelConstruction_GetAttrInt64(construction_, name, &value, status_);
    return value;
  }
  float real(const char* name) const {
    float value = 0;
    TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status_);
    return value;
  }
  bool flag(const char* name) const {
    unsigned char value = 0;
    TF_OpKernelConstruction_GetAttrBool(construction_, name, &value, status_);
    return value;
  }

 private:
  TF_OpKernelConstruction* construction_;
  TF_Status* status_;
};

/** What the library refuses, and what is not as expected, is an exception. */
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}
  ~Call() {
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }
  Call(const Call&) = delete;

  const float* input(int i) { return static_cast<const float*>(TF_TensorData(tensor(i))); }
  Shape shape(int i) {
    TF_Tensor* x = tensor(i);
    Shape dims(TF_NumDims(x));
    for (size_t k = 0; k < dims.size(); k++) dims[k] = TF_Dim(x, static_cast<int>(k));
    return dims;
  }
  float* output(int i, const Shape& shape) {
    const std::vector<int64_t> dims(shape.begin(), shape.end());
    TF_Tensor* y = TF_AllocateOutput(context_, i, TF_FLOAT, dims.data(), static_cast<int>(dims.size()),
                                     static_cast<size_t>(size(shape)) * sizeof(float), status_);
    check();
    tensors_.push_back(y);
    return static_cast<float*>(TF_TensorData(y));
  }
  /** An input has another number of values than it must have. */
  [[noreturn]] void refuse(const char* name, Index wanted, Index found) const {
    throw std::invalid_argument(std::string("expected ") + name + " of " + std::to_string(wanted) + " values, found " +
                                std::to_string(found));
  }
  /** Ends the operation in an error. */
  void fail(const char* message) {
    TF_SetStatus(status_, TF_INVALID_ARGUMENT, message);
    TF_OpKernelContext_Failure(context_, status_);
  }

 private:
  TF_Tensor* tensor(int i) {
    if (inputs_.size() <= static_cast<size_t>(i)) inputs_.resize(i + 1);
    if (!inputs_[i]) {
      TF_GetInput(context_, i, &inputs_[i], status_);
      check();
      tensors_.push_back(inputs_[i]);
    }
    return inputs_[i];
  }
  void check() const {
    if (TF_GetCode(status_) != TF_OK) throw std::runtime_error(TF_Message(status_));
  }

  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> inputs_;
  std::vector<TF_Tensor*> tensors_;
};
