#include "samplers/torch/unet2d.hpp"

#include <c10/core/GradMode.h>

#include <cmath>
#include <numbers>
#include <set>

#include "samplers/torch/diffusers_keys.hpp"

namespace lml {
namespace {

using at::Tensor;

std::string indexed(const std::string& name, std::size_t i) { return name + "." + std::to_string(i); }

// A residual block's place and widths. The same walk declares the weights and runs the network, so they cannot differ.
struct Widths {
  Index in, out;
};

/// Calls `visit` for the parts of the network in the order in which it runs.
template <class Visit>
void walk(const UNet2dConfig& c, Visit& visit) {
  const std::size_t levels = c.widths.size();
  std::vector<Index> skips{c.widths[0]};
  visit.begin();
  Index width = c.widths[0];
  for (std::size_t i = 0; i < levels; ++i) {
    const std::string block = indexed("down_blocks", i);
    for (std::size_t j = 0; j < std::size_t(c.layers); ++j) {
      visit.residual(indexed(block + ".resnets", j), {width, c.widths[i]}, 1.0);
      width = c.widths[i];
      if (c.down_attention[i]) visit.attention(indexed(block + ".attentions", j), width, c.groups, 1.0);
      visit.push();
      skips.push_back(width);
    }
    if (i + 1 == levels) continue;
    visit.down(block + ".downsamplers.0.conv", width);
    visit.push();
    skips.push_back(width);
  }
  if (c.middle) {
    visit.residual("mid_block.resnets.0", {width, width}, c.middle_scale);
    if (c.middle_attention)
      visit.attention("mid_block.attentions.0", width,
                      c.middle_attention_groups ? *c.middle_attention_groups
                      : c.scale_shift           ? 0
                                                : c.groups,
                      c.middle_scale);
    visit.residual("mid_block.resnets.1", {width, width}, c.middle_scale);
  }
  for (std::size_t i = 0; i < levels; ++i) {
    const std::string block = indexed("up_blocks", i);
    const Index out = c.widths[levels - 1 - i];
    for (std::size_t j = 0; j < std::size_t(c.layers) + 1; ++j) {
      visit.pop();
      visit.residual(indexed(block + ".resnets", j), {width + skips.back(), out}, 1.0);
      skips.pop_back();
      width = out;
      if (c.up_attention[i]) visit.attention(indexed(block + ".attentions", j), width, c.groups, 1.0);
    }
    if (i + 1 < levels) visit.up(block + ".upsamplers.0.conv", width);
  }
  visit.end(width);
}

Index time_width(const UNet2dConfig& c) { return c.time_embedding_dim > 0 ? c.time_embedding_dim : 4 * c.widths[0]; }
Index sinusoids(const UNet2dConfig& c) {
  return c.time_embedding_channels > 0 ? c.time_embedding_channels : c.widths[0];
}
Index head_width(const UNet2dConfig& c, Index width) { return c.head_width ? *c.head_width : width; }
// diffusers rounds the number of heads down, so that they may be narrower together than the block.
Index heads(const UNet2dConfig& c, Index width) { return width / head_width(c, width); }

class Declaration {
 public:
  explicit Declaration(const UNet2dConfig& c) : c_(&c) {}
  WeightShapes shapes;

  void begin() {
    convolution("conv_in", c_->in_channels, c_->widths[0], 3);
    linear("time_embedding.linear_1", sinusoids(*c_), time_width(*c_));
    linear("time_embedding.linear_2", time_width(*c_), time_width(*c_));
  }
  void residual(const std::string& name, Widths w, double) {
    norm(name + ".norm1", w.in);
    convolution(name + ".conv1", w.in, w.out, 3);
    linear(name + ".time_emb_proj", time_width(*c_), c_->scale_shift ? 2 * w.out : w.out);
    norm(name + ".norm2", w.out);
    convolution(name + ".conv2", w.out, w.out, 3);
    if (w.in != w.out) convolution(name + ".conv_shortcut", w.in, w.out, 1);
  }
  void attention(const std::string& name, Index width, Index groups, double) {
    if (groups > 0) norm(name + ".group_norm", width);
    const Index inner = heads(*c_, width) * head_width(*c_, width);
    for (const char* part : {".to_q", ".to_k", ".to_v"}) linear(name + part, width, inner);
    linear(name + ".to_out.0", inner, width);
  }
  void down(const std::string& name, Index width) { convolution(name, width, width, 3); }
  void up(const std::string& name, Index width) { convolution(name, width, width, 3); }
  void push() {}
  void pop() {}
  void end(Index width) {
    norm("conv_norm_out", width);
    convolution("conv_out", width, c_->out_channels, 3);
  }

 private:
  void linear(const std::string& name, Index in, Index out) {
    shapes[name + ".weight"] = {out, in};
    shapes[name + ".bias"] = {out};
  }
  void convolution(const std::string& name, Index in, Index out, Index side) {
    shapes[name + ".weight"] = {out, in, side, side};
    shapes[name + ".bias"] = {out};
  }
  void norm(const std::string& name, Index width) { shapes[name + ".weight"] = shapes[name + ".bias"] = {width}; }
  const UNet2dConfig* c_;
};

class Pass {
 public:
  Pass(const UNet2dConfig& c, const Weights& w, Tensor x, const Tensor& t) : c_(&c), w_(&w), x_(std::move(x)), t_(t) {}

  void begin() {
    if (c_->center_input_sample) x_ = 2 * x_ - 1;
    // Told in float64, cast once.
    const Index half = sinusoids(*c_) / 2;
    const Tensor k = at::arange(half, at::kDouble);
    const Tensor f = at::exp(k * (-std::log(10000.0) / (double(half) - c_->freq_shift)));
    const Tensor a = t_.to(at::kCPU, at::kDouble).unsqueeze(1) * f;
    const Tensor s = c_->flip_sin_to_cos ? at::cat({a.cos(), a.sin()}, 1) : at::cat({a.sin(), a.cos()}, 1);
    // Every block takes the time through the activation once more, so it is applied once.
    time_ = silu(linear("time_embedding.linear_2", silu(linear("time_embedding.linear_1", s.to(x_.options())))));
    x_ = convolution("conv_in", x_, 1, 1);
    push();
  }
  void residual(const std::string& name, Widths w, double scale) {
    Tensor h = convolution(name + ".conv1", activated(norm(name + ".norm1", x_, c_->groups)), 1, 1);
    const Tensor told = linear(name + ".time_emb_proj", time_).unsqueeze(2).unsqueeze(3);
    if (c_->scale_shift) {
      const std::vector<Tensor> parts = told.chunk(2, 1);
      h = norm(name + ".norm2", h, c_->groups) * (1 + parts[0]) + parts[1];
    } else {
      h = norm(name + ".norm2", sum(h, told), c_->groups);
    }
    h = convolution(name + ".conv2", activated(h), 1, 1);
    x_ = divided(sum(h, w.in == w.out ? x_ : convolution(name + ".conv_shortcut", x_, 1, 0)), scale);
  }
  void attention(const std::string& name, Index width, Index groups, double scale) {
    const Tensor normed = groups > 0 ? norm(name + ".group_norm", x_, groups) : x_;
    const Index n = x_.size(0), h = x_.size(2), w = x_.size(3), m = heads(*c_, width), d = head_width(*c_, width);
    const Tensor rows = normed.permute({0, 2, 3, 1}).reshape({n, h * w, width});
    const auto split = [&](const char* part) {
      return linear(name + part, rows).view({n, h * w, m, d}).transpose(1, 2);
    };
    const Tensor q = split(".to_q") / std::sqrt(double(d)), k = split(".to_k"), v = split(".to_v");
    const Tensor mixed = at::matmul(at::softmax(at::matmul(q, k.transpose(2, 3)), -1), v);
    const Tensor o = linear(name + ".to_out.0", mixed.transpose(1, 2).reshape({n, h * w, m * d}));
    x_ = divided(o.view({n, h, w, width}).permute({0, 3, 1, 2}) + (c_->normalized_residual ? normed : x_), scale);
  }
  void down(const std::string& name, Index) {
    if (c_->downsample_padding == 0) x_ = at::constant_pad_nd(x_, {0, 1, 0, 1}, 0);
    x_ = convolution(name, x_, 2, c_->downsample_padding);
  }
  void up(const std::string& name, Index) {
    x_ = convolution(name, at::upsample_nearest2d(x_, {2 * x_.size(2), 2 * x_.size(3)}), 1, 1);
  }
  void push() { skips_.push_back(x_); }
  void pop() {
    x_ = at::cat({x_, skips_.back()}, 1);
    skips_.pop_back();
  }
  void end(Index) { x_ = convolution("conv_out", activated(norm("conv_norm_out", x_, c_->groups)), 1, 1); }
  const Tensor& result() const { return x_; }

 private:
  const Tensor& weight(const std::string& name) const { return w_->find(name)->second; }
  Tensor linear(const std::string& name, const Tensor& x) const {
    return at::linear(x, weight(name + ".weight"), weight(name + ".bias"));
  }
  Tensor convolution(const std::string& name, const Tensor& x, Index stride, Index padding) const {
    return at::conv2d(x, weight(name + ".weight"), weight(name + ".bias"), stride, padding);
  }
  Tensor norm(const std::string& name, const Tensor& x, Index groups) const {
    return at::group_norm(x, groups, weight(name + ".weight"), weight(name + ".bias"), c_->eps);
  }
  // `fresh` is held by nobody else, so that without derivatives its memory can be used again.
  static Tensor activated(Tensor fresh) {
    return c10::GradMode::is_enabled() ? silu(fresh) : at::silu_(fresh);
  }
  static Tensor sum(Tensor fresh, const Tensor& other) {
    return c10::GradMode::is_enabled() ? fresh + other : fresh.add_(other);
  }
  static Tensor divided(const Tensor& x, double scale) { return scale == 1 ? x : x / scale; }

  const UNet2dConfig* c_;
  const Weights* w_;
  Tensor x_, t_, time_;
  std::vector<Tensor> skips_;
};

class UNet2d : public Network {
 public:
  UNet2d(const UNet2dConfig& c, Weights w) : config_(c), weights_(std::move(w)) {}
  Tensor operator()(const Tensor& x, const Tensor& t) const override {
    Pass pass(config_, weights_, x, t);
    walk(config_, pass);
    return pass.result();
  }
  const Weights& weights() const override { return weights_; }

 private:
  UNet2dConfig config_;
  Weights weights_;
};

Index count(const Object& o, std::string_view key, Index otherwise, Index lowest = 1) {
  const auto v = given(o, key);
  return v ? Index(v->integer(lowest, 1 << 20)) : otherwise;
}

std::vector<bool> blocks(const Object& o, std::string_view key, std::string_view plain, std::string_view attention,
                         std::vector<bool> otherwise) {
  const auto v = given(o, key);
  if (!v) return otherwise;
  std::vector<bool> out;
  for (const Reader& block : v->items()) out.push_back(block.one_of({plain, attention}) == attention);
  return out;
}

void require_consistent(const UNet2dConfig& c, const Object& o) {
  const auto fail = [&](const char* key, const std::string& what) {
    o.reader().fail_below(std::string("/") + key, what);
  };
  const std::size_t levels = c.widths.size();
  if (c.down_attention.size() != levels || c.up_attention.size() != levels)
    fail("block_out_channels", "has " + std::to_string(levels) + " entries, down_block_types has " +
                                   std::to_string(c.down_attention.size()) + ", up_block_types has " +
                                   std::to_string(c.up_attention.size()));
  if (levels > 20) fail("block_out_channels", "has more levels than an image can be halved");
  if (const Index least = Index(1) << (levels - 1); c.sample_size % least != 0)
    fail("sample_size", "must be a multiple of " + std::to_string(least) + ", which the levels halve to 1; is " +
                            std::to_string(c.sample_size));
  if (sinusoids(c) % 2 != 0 || sinusoids(c) < 4)
    fail("time_embedding_channels", "must be even and at least 4, is " + std::to_string(sinusoids(c)));
  struct Divisible {
    const UNet2dConfig* c;
    std::set<std::pair<Index, Index>> norms;  // width, groups
    Index narrow = 0;                         // a width with no head at all
    void begin() {}
    void residual(const std::string&, Widths w, double) {
      norms.insert({w.in, c->groups});
      norms.insert({w.out, c->groups});
    }
    void attention(const std::string&, Index width, Index groups, double) {
      if (groups > 0) norms.insert({width, groups});
      if (heads(*c, width) == 0) narrow = width;
    }
    void down(const std::string&, Index) {}
    void up(const std::string&, Index) {}
    void push() {}
    void pop() {}
    void end(Index) {}
  } visit{&c, {}};
  walk(c, visit);
  for (const auto& [width, groups] : visit.norms)
    if (width % groups != 0)
      fail("norm_num_groups",
           std::to_string(width) + " channels do not split into " + std::to_string(groups) + " groups");
  if (visit.narrow > 0)
    fail("attention_head_dim", "is wider than a block of " + std::to_string(visit.narrow) + " channels");
}

}  // namespace

UNet2dConfig read_unet2d(const Reader& reader) {
  const Object o = reader.object({"_class_name",
                                  "_diffusers_version",
                                  "_name_or_path",
                                  "sample_size",
                                  "in_channels",
                                  "out_channels",
                                  "center_input_sample",
                                  "time_embedding_type",
                                  "time_embedding_channels",
                                  "time_embedding_dim",
                                  "freq_shift",
                                  "flip_sin_to_cos",
                                  "down_block_types",
                                  "mid_block_type",
                                  "up_block_types",
                                  "block_out_channels",
                                  "layers_per_block",
                                  "mid_block_scale_factor",
                                  "downsample_padding",
                                  "downsample_type",
                                  "upsample_type",
                                  "dropout",
                                  "act_fn",
                                  "attention_head_dim",
                                  "norm_num_groups",
                                  "attn_norm_num_groups",
                                  "norm_eps",
                                  "resnet_time_scale_shift",
                                  "add_attention",
                                  "class_embed_type",
                                  "num_class_embeds",
                                  "num_train_timesteps",
                                  "attention_residual"});
  word(o, "_class_name", {"UNet2DModel"});
  word(o, "time_embedding_type", {"positional"});
  word(o, "downsample_type", {"conv"});
  word(o, "upsample_type", {"conv"});
  word(o, "act_fn", {"silu", "swish"});
  for (const char* key : {"class_embed_type", "num_class_embeds"}) only_null(o, key);
  number(o, "dropout", 0);  // of training

  UNet2dConfig c;
  c.sample_size = count(o, "sample_size", 0);
  c.in_channels = count(o, "in_channels", c.in_channels);
  c.out_channels = count(o, "out_channels", c.out_channels);
  c.center_input_sample = flag(o, "center_input_sample", c.center_input_sample);
  c.time_embedding_channels = count(o, "time_embedding_channels", 0);
  c.time_embedding_dim = count(o, "time_embedding_dim", 0);
  c.freq_shift = number(o, "freq_shift", c.freq_shift);
  c.flip_sin_to_cos = flag(o, "flip_sin_to_cos", c.flip_sin_to_cos);
  c.down_attention = blocks(o, "down_block_types", "DownBlock2D", "AttnDownBlock2D", c.down_attention);
  c.up_attention = blocks(o, "up_block_types", "UpBlock2D", "AttnUpBlock2D", c.up_attention);
  if (const auto v = o.find("mid_block_type")) c.middle = !v->is_null() && v->one_of({"UNetMidBlock2D"}) != "";
  c.middle_attention = flag(o, "add_attention", c.middle_attention);
  if (const auto v = given(o, "block_out_channels")) {
    c.widths.clear();
    for (const Reader& width : v->items()) c.widths.push_back(Index(width.integer(1, 1 << 16)));
  }
  if (const auto v = given(o, "layers_per_block")) c.layers = Index(v->integer(1, 100));
  c.middle_scale = number(o, "mid_block_scale_factor", c.middle_scale);
  c.downsample_padding = count(o, "downsample_padding", c.downsample_padding, 0);
  if (c.downsample_padding > 1) o.at("downsample_padding").fail("must be 0 or 1");
  if (const auto v = o.find("attention_head_dim"))
    c.head_width = v->is_null() ? std::optional<Index>() : Index(v->integer(1, 1 << 16));
  c.groups = count(o, "norm_num_groups", c.groups);
  if (const auto v = given(o, "attn_norm_num_groups")) c.middle_attention_groups = Index(v->integer(1, 1 << 16));
  c.eps = number(o, "norm_eps", c.eps);
  c.scale_shift = word(o, "resnet_time_scale_shift", {"default", "scale_shift"}) == "scale_shift";
  c.normalized_residual = word(o, "attention_residual", {"input", "normalized"}) == "normalized";
  require_consistent(c, o);
  return c;
}

WeightShapes unet2d_shapes(const UNet2dConfig& config) {
  Declaration declaration(config);
  walk(config, declaration);
  return std::move(declaration.shapes);
}

std::unique_ptr<Network> make_unet2d(const UNet2dConfig& config, Weights weights) {
  return std::make_unique<UNet2d>(config, std::move(weights));
}

}  // namespace lml
