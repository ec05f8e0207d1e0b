// What our operations share of TensorFlow's C interface.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

namespace guided {

class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  TF_Status* get() { return status_; }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }
  // For checks of inputs: says what is wrong, and is false.
  bool refuse(const char* message) {
    TF_SetStatus(status_, TF_INVALID_ARGUMENT, message);
    return false;
  }

 private:
  TF_Status* status_;
};

class Inputs {
 public:
  Inputs(TF_OpKernelContext* context, int count) : tensors_(count, nullptr) {
    for (int i = 0; i < count && status.ok(); i++) TF_GetInput(context, i, &tensors_[i], status.get());
  }
  ~Inputs() {
    for (auto* tensor : tensors_) if (tensor) TF_DeleteTensor(tensor);
  }
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;
  TF_Tensor* operator[](int i) { return tensors_[i]; }
  const float* values(int i) { return static_cast<const float*>(TF_TensorData(tensors_[i])); }
  bool sameShape(int i, int j) {
    if (TF_NumDims(tensors_[i]) != TF_NumDims(tensors_[j])) return false;
    for (int d = 0; d < TF_NumDims(tensors_[i]); d++)
      if (TF_Dim(tensors_[i], d) != TF_Dim(tensors_[j], d)) return false;
    return true;
  }
  Status status;

 private:
  std::vector<TF_Tensor*> tensors_;
};

inline TF_Tensor* allocate(TF_OpKernelContext* context, int index, const std::vector<int64_t>& shape, TF_Status* status) {
  size_t bytes = sizeof(float);
  for (int64_t length : shape) bytes *= length;
  return TF_AllocateOutput(context, index, TF_FLOAT, shape.data(), static_cast<int>(shape.size()), bytes, status);
}

inline TF_Tensor* allocateLike(TF_OpKernelContext* context, int index, TF_Tensor* like, TF_Status* status) {
  std::vector<int64_t> shape(TF_NumDims(like));
  for (size_t d = 0; d < shape.size(); d++) shape[d] = TF_Dim(like, static_cast<int>(d));
  return allocate(context, index, shape, status);
}

inline int64_t cores() { return std::max(1u, std::thread::hardware_concurrency()); }

// work(i) for each i below count, shared out among threads as they get free.
template <typename Work>
void forEach(int64_t count, Work work) {
  const int64_t threads = std::min<int64_t>(count, cores());
  std::atomic<int64_t> next{0};
  const auto part = [&] {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) work(i);
  };
  std::vector<std::thread> others;
  for (int64_t thread = 1; thread < threads; thread++) others.emplace_back(part);
  part();
  for (auto& thread : others) thread.join();
}

inline void unknownShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

// The functions of a kernel: its settings made of the operation's attributes, its work, and the settings freed.
struct Kernel {
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
};

inline void registerOperation(const char* name, const std::vector<const char*>& inputs,
                              const std::vector<const char*>& outputs, const std::vector<const char*>& attributes,
                              const Kernel& kernel) {
  Status status;
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(definition, input);
  for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(definition, output);
  for (const char* attribute : attributes) TF_OpDefinitionBuilderAddAttr(definition, attribute);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, &unknownShape);
  TF_RegisterOpDefinition(definition, status.get());
  if (!status.ok()) return;
  TF_KernelBuilder* builder = TF_NewKernelBuilder(name, "CPU", kernel.create, kernel.compute, kernel.destroy);
  TF_RegisterKernelBuilder(name, builder, status.get());
}

}  // namespace guided
