// Attention over a sequence as two TensorFlow ops that read queries, keys and values where the layer before wrote them
// and keep no more of the T × T weights than a few rows:
//
//   y = softmax(q kᵀ / √d) v   for each head of width d
//
// GuidedAttention(qkv [B,T,3C]) → y [B,T,C]
// GuidedAttentionGrad(dy [B,T,C], qkv [B,T,3C]) → dqkv [B,T,3C]
//
// Channels lie as head × (q, k, v) × d where `legacy`, else as (q, k, v) × head × d. Each head of each sample is summed
// in one fixed order, so that results do not depend on the number of threads.

#include "arithmetic.h"
#include "operation.h"

namespace {

using namespace guided;

struct Settings {
  int64_t heads;
  bool legacy;
};

struct Shape {
  int64_t batch, length, channels, heads, width;
  int64_t paddedLength() const { return padded(length); }
  int64_t paddedWidth() const { return padded(width); }
};

// Rows of weights that are held at once.
constexpr int64_t forwardRows = 24, backwardRows = 96;

// Where a part (0 q, 1 k, 2 v) of a head begins in a row of qkv.
int64_t offset(const Shape& shape, const Settings& settings, int64_t head, int64_t part) {
  return settings.legacy ? (3 * head + part) * shape.width : part * shape.channels + head * shape.width;
}

// Columns of a wide matrix, times a factor, as rows of their own that end in zeros.
void gather(const float* from, int64_t stride, const Shape& shape, float factor, float* to) {
  const int64_t columns = shape.paddedWidth();
  for (int64_t t = 0; t < shape.length; t++) {
    for (int64_t i = 0; i < shape.width; i++) to[t * columns + i] = factor * from[t * stride + i];
    std::fill(to + t * columns + shape.width, to + (t + 1) * columns, 0.0f);
  }
}

// The same turned: [width, padded length].
void gatherTurned(const float* from, int64_t stride, const Shape& shape, float* to) {
  const int64_t columns = shape.paddedLength();
  for (int64_t t = 0; t < shape.length; t += width) {
    const int64_t end = std::min(t + width, shape.length);
    for (int64_t i = 0; i < shape.width; i++) {
      for (int64_t s = t; s < end; s++) to[i * columns + s] = from[s * stride + i];
      for (int64_t s = end; s < t + width; s++) to[i * columns + s] = 0.0f;
    }
  }
}

// exp(row − max) in place, zeros in the padding; the sum.
float exponentials(float* row, int64_t length, int64_t columns) {
  float largest[width], total[width];
  for (int64_t j = length; j < columns; j++) row[j] = row[0];
  std::copy(row, row + width, largest);
  for (int64_t t = width; t < columns; t += width)
    for (int64_t j = 0; j < width; j++) largest[j] = std::max(largest[j], row[t + j]);
  const float top = *std::max_element(largest, largest + width);
  for (int64_t t = 0; t < columns; t++) row[t] = exponential(row[t] - top);
  for (int64_t j = length; j < columns; j++) row[j] = 0.0f;
  std::fill(total, total + width, 0.0f);
  for (int64_t t = 0; t < columns; t += width)
    for (int64_t j = 0; j < width; j++) total[j] += row[t + j];
  float sum = 0;
  for (float each : total) sum += each;
  return sum;
}

// Some rows of one head.
void forwardPart(const float* qkv, float* y, const Shape& shape, const Settings& settings, int64_t head, int64_t start,
                 int64_t end) {
  const int64_t stride = 3 * shape.channels, columns = shape.paddedLength(), across = shape.paddedWidth();
  Arena arena(shape.length * across * 2 + shape.width * columns + forwardRows * (columns + across));
  float* q = arena.take(shape.length * across);
  float* turnedK = arena.take(shape.width * columns);
  float* v = arena.take(shape.length * across);
  float* weights = arena.take(forwardRows * columns);
  float* out = arena.take(forwardRows * across);
  gather(qkv + offset(shape, settings, head, 0), stride, shape, 1 / std::sqrt(static_cast<float>(shape.width)), q);
  gatherTurned(qkv + offset(shape, settings, head, 1), stride, shape, turnedK);
  gather(qkv + offset(shape, settings, head, 2), stride, shape, 1, v);
  for (int64_t t = start; t < end; t += forwardRows) {
    const int64_t rows = std::min(forwardRows, end - t);
    multiply({q + t * across, across, 1}, turnedK, columns, weights, columns, rows, columns, shape.width, false);
    float inverse[forwardRows];
    for (int64_t r = 0; r < rows; r++) inverse[r] = 1 / exponentials(weights + r * columns, shape.length, columns);
    multiply({weights, columns, 1}, v, across, out, across, rows, across, shape.length, false);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t i = 0; i < shape.width; i++)
        y[(t + r) * shape.channels + head * shape.width + i] = out[r * across + i] * inverse[r];
  }
}

// With the weights w = softmax(s), s = q kᵀ / √d:
//   dv = wᵀ dy,   ds = w ∘ (dw − Σ w dw),   dw = dy vᵀ,   dq = ds k / √d,   dk = dsᵀ q / √d
void backwardHead(const float* dy, const float* qkv, float* dqkv, const Shape& shape, const Settings& settings,
                  int64_t head) {
  const int64_t stride = 3 * shape.channels, columns = shape.paddedLength(), across = shape.paddedWidth();
  const int64_t sequence = shape.length * across;
  const float factor = 1 / std::sqrt(static_cast<float>(shape.width));
  Arena arena(6 * sequence + 2 * shape.width * columns + backwardRows * (2 * columns + across));
  float *q = arena.take(sequence), *k = arena.take(sequence), *out = arena.take(sequence);
  float *dk = arena.take(sequence), *dv = arena.take(sequence);
  float *turnedK = arena.take(shape.width * columns), *turnedV = arena.take(shape.width * columns);
  float *weights = arena.take(backwardRows * columns), *slopes = arena.take(backwardRows * columns);
  float* dq = arena.take(backwardRows * across);
  const float *qs = qkv + offset(shape, settings, head, 0), *ks = qkv + offset(shape, settings, head, 1);
  gather(qs, stride, shape, factor, q);
  gather(ks, stride, shape, 1, k);
  gather(dy + head * shape.width, shape.channels, shape, 1, out);
  gatherTurned(ks, stride, shape, turnedK);
  gatherTurned(qkv + offset(shape, settings, head, 2), stride, shape, turnedV);
  float* dqs = dqkv + offset(shape, settings, head, 0);
  for (int64_t t = 0; t < shape.length; t += backwardRows) {
    const int64_t rows = std::min(backwardRows, shape.length - t);
    multiply({q + t * across, across, 1}, turnedK, columns, weights, columns, rows, columns, shape.width, false);
    multiply({out + t * across, across, 1}, turnedV, columns, slopes, columns, rows, columns, shape.width, false);
    for (int64_t r = 0; r < rows; r++) {
      float *w = weights + r * columns, *s = slopes + r * columns;
      const float inverse = 1 / exponentials(w, shape.length, columns);
      float partial[width] = {};
      for (int64_t j = 0; j < columns; j += width)
        for (int64_t i = 0; i < width; i++) {
          w[j + i] *= inverse;
          partial[i] += w[j + i] * s[j + i];
        }
      float mean = 0;
      for (float each : partial) mean += each;
      for (int64_t j = 0; j < columns; j++) s[j] = w[j] * (s[j] - mean);
    }
    multiply({weights, 1, columns}, out + t * across, across, dv, across, shape.length, across, rows, t > 0);
    multiply({slopes, 1, columns}, q + t * across, across, dk, across, shape.length, across, rows, t > 0);
    multiply({slopes, columns, 1}, k, across, dq, across, rows, across, shape.length, false);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t i = 0; i < shape.width; i++) dqs[(t + r) * stride + i] = factor * dq[r * across + i];
  }
  float *dks = dqkv + offset(shape, settings, head, 1), *dvs = dqkv + offset(shape, settings, head, 2);
  for (int64_t t = 0; t < shape.length; t++) {
    std::copy(dk + t * across, dk + t * across + shape.width, dks + t * stride);
    std::copy(dv + t * across, dv + t * across + shape.width, dvs + t * stride);
  }
}

// What follows is the interface to TensorFlow.

void* create(TF_OpKernelConstruction* construction) {
  Status status;
  auto* settings = new Settings{1, false};
  TF_Bool legacy = 0;
  TF_OpKernelConstruction_GetAttrInt64(construction, "heads", &settings->heads, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrBool(construction, "legacy", &legacy, status.get());
  settings->legacy = legacy;
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction, status.get());
  return settings;
}

void destroy(void* kernel) { delete static_cast<Settings*>(kernel); }

bool check(Inputs& inputs, int index, const Settings& settings, Shape* shape) {
  TF_Tensor* qkv = inputs[index];
  if (TF_NumDims(qkv) != 3 || TF_Dim(qkv, 2) % 3 != 0) return inputs.status.refuse("qkv must be [B, T, 3C]");
  const int64_t channels = TF_Dim(qkv, 2) / 3;
  if (settings.heads <= 0 || channels % settings.heads != 0)
    return inputs.status.refuse("heads must divide the channels");
  *shape = {TF_Dim(qkv, 0), TF_Dim(qkv, 1), channels, settings.heads, channels / settings.heads};
  if (shape->batch * shape->length * channels == 0) return inputs.status.refuse("qkv must not be empty");
  if (index == 1) {
    TF_Tensor* dy = inputs[0];
    if (TF_NumDims(dy) != 3 || TF_Dim(dy, 0) != shape->batch || TF_Dim(dy, 1) != shape->length ||
        TF_Dim(dy, 2) != channels)
      return inputs.status.refuse("dy must be [B, T, C]");
  }
  return true;
}

void computeForward(void* kernel, TF_OpKernelContext* context) {
  const auto& settings = *static_cast<Settings*>(kernel);
  Inputs inputs(context, 1);
  Shape shape;
  TF_Tensor* y = nullptr;
  if (inputs.status.ok() && check(inputs, 0, settings, &shape))
    y = allocate(context, 0, {shape.batch, shape.length, shape.channels}, inputs.status.get());
  if (!inputs.status.ok()) return TF_OpKernelContext_Failure(context, inputs.status.get());
  const int64_t tasks = shape.batch * shape.heads;
  // few heads and many threads: rows are shared out too
  const int64_t parts = std::min((cores() + tasks - 1) / tasks, (shape.length + forwardRows - 1) / forwardRows);
  auto* output = static_cast<float*>(TF_TensorData(y));
  forEach(tasks * parts, [&](int64_t index) {
    const int64_t task = index / parts, part = index % parts, sample = task / shape.heads;
    forwardPart(inputs.values(0) + sample * shape.length * 3 * shape.channels,
                output + sample * shape.length * shape.channels, shape, settings, task % shape.heads,
                shape.length * part / parts, shape.length * (part + 1) / parts);
  });
  TF_DeleteTensor(y);
}

void computeBackward(void* kernel, TF_OpKernelContext* context) {
  const auto& settings = *static_cast<Settings*>(kernel);
  Inputs inputs(context, 2);
  Shape shape;
  TF_Tensor* dqkv = nullptr;
  if (inputs.status.ok() && check(inputs, 1, settings, &shape))
    dqkv = allocateLike(context, 0, inputs[1], inputs.status.get());
  if (!inputs.status.ok()) return TF_OpKernelContext_Failure(context, inputs.status.get());
  auto* output = static_cast<float*>(TF_TensorData(dqkv));
  forEach(shape.batch * shape.heads, [&](int64_t task) {
    const int64_t sample = task / shape.heads, at = sample * shape.length * shape.channels;
    backwardHead(inputs.values(0) + at, inputs.values(1) + 3 * at, output + 3 * at, shape, settings,
                 task % shape.heads);
  });
  TF_DeleteTensor(dqkv);
}

const bool registered = [] {
  const std::vector<const char*> attributes = {"heads: int", "legacy: bool"};
  registerOperation("GuidedAttention", {"qkv: float"}, {"y: float"}, attributes, {&create, &computeForward, &destroy});
  registerOperation("GuidedAttentionGrad", {"dy: float", "qkv: float"}, {"dqkv: float"}, attributes,
                    {&create, &computeBackward, &destroy});
  return true;
}();

}  // namespace
