// Group normalisation with SiLU as two TensorFlow ops, in as few passes over memory as the definition allows.
//
//   x̂ = (x − mean_g) / √(var_g + ε),   u = scale · x̂ + shift,   y = u  or  u σ(u)
//
// GuidedGroupNorm(x [B,H,W,C], scale [B,C], shift [B,C]) → y
// GuidedGroupNormGrad(dy, x, scale, shift) → dx, dscale, dshift
//
// Registered through TensorFlow's C interface when the library that holds them is loaded. Samples are shared out
// among threads; each sample is summed in one fixed order, so that results do not depend on their number.

#include "arithmetic.h"
#include "operation.h"

namespace {

using namespace guided;

struct Settings {
  int64_t groups;
  float epsilon;
  bool silu;
};

struct Shape {
  int64_t batch, pixels, channels;
};

// Per channel: the mean of its group, and 1/√(var + ε). Two passes, since E[x²] − E[x]² cancels.
void statistics(const float* x, const Shape& shape, const Settings& settings, float* mean, float* rstd) {
  const int64_t channels = shape.channels, size = channels / settings.groups;
  const double count = static_cast<double>(shape.pixels * size);
  std::fill(mean, mean + channels, 0.0f);
  std::fill(rstd, rstd + channels, 0.0f);
  for (int64_t p = 0; p < shape.pixels; p++)
    for (int64_t c = 0; c < channels; c++) mean[c] += x[p * channels + c];
  for (int64_t g = 0; g < settings.groups; g++) {
    double sum = 0;
    for (int64_t c = g * size; c < (g + 1) * size; c++) sum += mean[c];
    std::fill(mean + g * size, mean + (g + 1) * size, static_cast<float>(sum / count));
  }
  for (int64_t p = 0; p < shape.pixels; p++)
    for (int64_t c = 0; c < channels; c++) {
      const float d = x[p * channels + c] - mean[c];
      rstd[c] += d * d;
    }
  for (int64_t g = 0; g < settings.groups; g++) {
    double sum = 0;
    for (int64_t c = g * size; c < (g + 1) * size; c++) sum += rstd[c];
    const double value = 1.0 / std::sqrt(sum / count + settings.epsilon);
    std::fill(rstd + g * size, rstd + (g + 1) * size, static_cast<float>(value));
  }
}

void forwardSample(const float* x, const float* scale, const float* shift, float* y, const Shape& shape,
                   const Settings& settings) {
  const int64_t channels = shape.channels;
  std::vector<float> mean(channels), rstd(channels), factor(channels), offset(channels);
  statistics(x, shape, settings, mean.data(), rstd.data());
  for (int64_t c = 0; c < channels; c++) {
    factor[c] = scale[c] * rstd[c];
    offset[c] = shift[c] - mean[c] * factor[c];
  }
  const float *f = factor.data(), *o = offset.data();
  for (int64_t p = 0; p < shape.pixels; p++) {
    const float* from = x + p * channels;
    float* to = y + p * channels;
    if (settings.silu) {
      for (int64_t c = 0; c < channels; c++) {
        const float u = from[c] * f[c] + o[c];
        to[c] = u * sigmoid(u);
      }
    } else {
      for (int64_t c = 0; c < channels; c++) to[c] = from[c] * f[c] + o[c];
    }
  }
}

void backwardSample(const float* dy, const float* x, const float* scale, const float* shift, float* dx,
                    float* dscale, float* dshift, const Shape& shape, const Settings& settings) {
  const int64_t channels = shape.channels, size = channels / settings.groups;
  const double count = static_cast<double>(shape.pixels * size);
  std::vector<float> buffer(6 * channels);
  float *mean = buffer.data(), *rstd = mean + channels, *factor = rstd + channels, *offset = factor + channels;
  float *slope = offset + channels, *constant = slope + channels;
  statistics(x, shape, settings, mean, rstd);
  for (int64_t c = 0; c < channels; c++) {
    factor[c] = scale[c] * rstd[c];
    offset[c] = shift[c] - mean[c] * factor[c];
    dscale[c] = dshift[c] = 0.0f;
  }
  // dx holds du = dy · (σ + u σ (1 − σ)) between the passes; dscale collects Σ du (x − mean)
  for (int64_t p = 0; p < shape.pixels; p++) {
    const float *in = x + p * channels, *out = dy + p * channels;
    float* du = dx + p * channels;
    if (settings.silu) {
      for (int64_t c = 0; c < channels; c++) {
        const float u = in[c] * factor[c] + offset[c];
        const float s = sigmoid(u);
        du[c] = out[c] * (s + u * s * (1.0f - s));
      }
    } else {
      std::copy(out, out + channels, du);
    }
    for (int64_t c = 0; c < channels; c++) {
      dshift[c] += du[c];
      dscale[c] += du[c] * (in[c] - mean[c]);
    }
  }
  for (int64_t g = 0; g < settings.groups; g++) {
    double sumDu = 0, sumDuX = 0;
    for (int64_t c = g * size; c < (g + 1) * size; c++) {
      dscale[c] *= rstd[c];
      sumDu += static_cast<double>(scale[c]) * dshift[c];
      sumDuX += static_cast<double>(scale[c]) * dscale[c];
    }
    for (int64_t c = g * size; c < (g + 1) * size; c++) {
      slope[c] = static_cast<float>(-rstd[c] * rstd[c] * sumDuX / count);
      constant[c] = static_cast<float>(-rstd[c] * sumDu / count) - slope[c] * mean[c];
    }
  }
  for (int64_t p = 0; p < shape.pixels; p++) {
    const float* in = x + p * channels;
    float* d = dx + p * channels;
    for (int64_t c = 0; c < channels; c++) d[c] = d[c] * factor[c] + (in[c] * slope[c] + constant[c]);
  }
}

// What follows is the interface to TensorFlow.

void* create(TF_OpKernelConstruction* construction) {
  Status status;
  auto* settings = new Settings{32, 1e-5f, false};
  TF_Bool silu = 0;
  TF_OpKernelConstruction_GetAttrInt64(construction, "groups", &settings->groups, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrFloat(construction, "epsilon", &settings->epsilon, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrBool(construction, "silu", &silu, status.get());
  settings->silu = silu;
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction, status.get());
  return settings;
}

void destroy(void* kernel) { delete static_cast<Settings*>(kernel); }

// x of rank 4, dy like x, scale and shift [B, C], groups dividing C.
bool check(Inputs& inputs, int x, const Settings& settings, Shape* shape) {
  TF_Tensor* image = inputs[x];
  if (TF_NumDims(image) != 4) return inputs.status.refuse("x must be [B, H, W, C]");
  *shape = {TF_Dim(image, 0), TF_Dim(image, 1) * TF_Dim(image, 2), TF_Dim(image, 3)};
  if (settings.groups <= 0 || shape->channels % settings.groups != 0)
    return inputs.status.refuse("groups must divide the channels");
  for (int i = x + 1; i <= x + 2; i++) {
    TF_Tensor* vector = inputs[i];
    if (TF_NumDims(vector) != 2 || TF_Dim(vector, 0) != shape->batch || TF_Dim(vector, 1) != shape->channels)
      return inputs.status.refuse("scale and shift must be [B, C]");
  }
  if (x == 1 && !inputs.sameShape(0, 1)) return inputs.status.refuse("dy must have the shape of x");
  return true;
}

void computeForward(void* kernel, TF_OpKernelContext* context) {
  const auto& settings = *static_cast<Settings*>(kernel);
  Inputs inputs(context, 3);
  Shape shape;
  TF_Tensor* y = nullptr;
  if (inputs.status.ok() && check(inputs, 0, settings, &shape)) y = allocateLike(context, 0, inputs[0], inputs.status.get());
  if (!inputs.status.ok()) return TF_OpKernelContext_Failure(context, inputs.status.get());
  const int64_t size = shape.pixels * shape.channels;
  auto* output = static_cast<float*>(TF_TensorData(y));
  forEach(shape.batch, [&](int64_t b) {
    forwardSample(inputs.values(0) + b * size, inputs.values(1) + b * shape.channels,
                  inputs.values(2) + b * shape.channels, output + b * size, shape, settings);
  });
  TF_DeleteTensor(y);
}

void computeBackward(void* kernel, TF_OpKernelContext* context) {
  const auto& settings = *static_cast<Settings*>(kernel);
  Inputs inputs(context, 4);
  Shape shape;
  TF_Tensor* outputs[3] = {nullptr, nullptr, nullptr};
  if (inputs.status.ok() && check(inputs, 1, settings, &shape)) {
    for (int i = 0; i < 3 && inputs.status.ok(); i++)
      outputs[i] = allocateLike(context, i, inputs[i + 1], inputs.status.get());
  }
  if (inputs.status.ok()) {
    const int64_t size = shape.pixels * shape.channels;
    float* values[3];
    for (int i = 0; i < 3; i++) values[i] = static_cast<float*>(TF_TensorData(outputs[i]));
    forEach(shape.batch, [&](int64_t b) {
      const int64_t row = b * shape.channels;
      backwardSample(inputs.values(0) + b * size, inputs.values(1) + b * size, inputs.values(2) + row,
                     inputs.values(3) + row, values[0] + b * size, values[1] + row, values[2] + row, shape, settings);
    });
  } else {
    TF_OpKernelContext_Failure(context, inputs.status.get());
  }
  for (auto* output : outputs) if (output) TF_DeleteTensor(output);
}

const bool registered = [] {
  const std::vector<const char*> attributes = {"groups: int", "epsilon: float", "silu: bool"};
  registerOperation("GuidedGroupNorm", {"x: float", "scale: float", "shift: float"}, {"y: float"}, attributes,
                    {&create, &computeForward, &destroy});
  registerOperation("GuidedGroupNormGrad", {"dy: float", "x: float", "scale: float", "shift: float"},
                    {"dx: float", "dscale: float", "dshift: float"}, attributes, {&create, &computeBackward, &destroy});
  return true;
}();

}  // namespace
