#include "af2/synth/music_render.h"

#include <algorithm>
#include <cmath>

#include "af2/core/error.h"

#ifdef AF2_WITH_FLUIDSYNTH
#include <fluidsynth.h>

#include <fstream>
#include <map>
#include <mutex>
#include <string_view>
#include <tuple>

#include "af2/audio/resample.h"
#include "af2/synth/music_instruments.h"
#endif

namespace af2 {

#ifdef AF2_WITH_FLUIDSYNTH
namespace {

constexpr int kSynthRate_hz = 48000;
constexpr int kStepFrames = 192;  // of kMusicStep_s: three of the synthesiser's blocks
constexpr int kDrumChannel = 9;   // of General MIDI, from 0
constexpr double kFadeOut_s = 0.05;
constexpr double kGain = 1.0;

struct Deleter {
  void operator()(fluid_settings_t* settings) const { delete_fluid_settings(settings); }
  void operator()(fluid_synth_t* synth) const { delete_fluid_synth(synth); }
};
using Settings = std::unique_ptr<fluid_settings_t, Deleter>;
using Synth = std::unique_ptr<fluid_synth_t, Deleter>;

Settings make_settings() {
  Settings settings(new_fluid_settings());
  fluid_settings_setnum(settings.get(), "synth.sample-rate", kSynthRate_hz);
  fluid_settings_setnum(settings.get(), "synth.gain", kGain);
  fluid_settings_setint(settings.get(), "synth.cpu-cores", 1);
  fluid_settings_setint(settings.get(), "synth.polyphony", 256);
  fluid_settings_setint(settings.get(), "synth.threadsafe-api", 0);
  fluid_settings_setint(settings.get(), "synth.lock-memory", 0);
  fluid_settings_setint(settings.get(), "synth.chorus.active", 0);
  fluid_settings_setint(settings.get(), "synth.reverb.active", 1);
  fluid_settings_setnum(settings.get(), "synth.reverb.room-size", 0.3);
  fluid_settings_setnum(settings.get(), "synth.reverb.damp", 0.3);
  fluid_settings_setnum(settings.get(), "synth.reverb.width", 0.6);
  fluid_settings_setnum(settings.get(), "synth.reverb.level", 0.3);
  return settings;
}

// What goes wrong is thrown by us; the library would print it.
void be_quiet() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (const int level : {FLUID_PANIC, FLUID_ERR, FLUID_WARN, FLUID_INFO, FLUID_DBG})
      fluid_set_log_function(level, nullptr, nullptr);
  });
}

// The head of a RIFF file of kind sfbk, and as many bytes as it states. What the library would make of others
// it says on standard error.
bool is_whole_soundfont(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  unsigned char head[12] = {};
  if (!in.read(reinterpret_cast<char*>(head), sizeof head)) return false;
  const std::string_view text(reinterpret_cast<const char*>(head), sizeof head);
  if (text.substr(0, 4) != "RIFF" || text.substr(8, 4) != "sfbk") return false;
  std::uintmax_t stated = 0;
  for (int i = 3; i >= 0; --i) stated = stated << 8 | head[4 + i];
  return std::filesystem::file_size(path) >= stated + 8;
}

struct Stroke {
  std::int64_t step = 0;
  bool on = false;
  int channel = 0, key = 0, velocity = 0;
};

// A note that begins where another of its key and channel still sounds would be cut by the end of that one:
// the earlier ends where the later begins.
std::vector<Stroke> strokes_of(const MusicPlan& plan, const std::vector<int>& channels) {
  std::vector<Stroke> strokes;
  std::map<std::pair<int, int>, std::int64_t> next;  // by channel and key: the start of the note behind
  for (auto note = plan.notes.rbegin(); note != plan.notes.rend(); ++note) {
    const int channel = channels[static_cast<std::size_t>(note->part)];
    std::int64_t end = note->end;
    const auto [at, fresh] = next.try_emplace({channel, note->pitch}, note->start);
    if (!fresh) end = std::min(end, at->second), at->second = note->start;
    strokes.push_back({note->start, true, channel, note->pitch, note->velocity});
    strokes.push_back({std::max(end, note->start), false, channel, note->pitch, 0});
  }
  std::sort(strokes.begin(), strokes.end(), [](const Stroke& a, const Stroke& b) {
    return std::tie(a.step, a.on, a.channel, a.key, a.velocity) <
           std::tie(b.step, b.on, b.channel, b.key, b.velocity);
  });
  return strokes;
}

// From the synthesiser's stereo at 48 kHz to what is wanted, piece by piece, with the end faded out.
class Output {
 public:
  Output(const MusicSound& sound, std::int64_t frames, const MusicSink& sink)
      : sound_(sound),
        sink_(sink),
        frames_(frames),
        left_(kSynthRate_hz, sound.rate_hz),
        right_(kSynthRate_hz, sound.rate_hz) {}

  void push(std::span<const float> left, std::span<const float> right) {
    if (sound_.channels == 1) {
      mono_.resize(left.size());
      for (std::size_t i = 0; i < left.size(); ++i) mono_[i] = 0.5f * (left[i] + right[i]);
      left_.push(mono_, out_left_);
    } else {
      left_.push(left, out_left_), right_.push(right, out_right_);
    }
    give();
  }
  void finish() {
    left_.finish(out_left_);
    if (sound_.channels == 2) right_.finish(out_right_);
    const auto rest = static_cast<std::size_t>(frames_ - given_);
    out_left_.resize(rest, 0.0f), out_right_.resize(sound_.channels == 2 ? rest : 0, 0.0f);
    give();
  }

 private:
  void give() {
    const std::size_t n = out_left_.size();
    piece_.clear();
    for (std::size_t i = 0; i < n; ++i, ++given_) {
      if (given_ >= frames_) break;
      const double left_s = static_cast<double>(frames_ - given_) / sound_.rate_hz;
      const auto gain = static_cast<float>(std::min(1.0, left_s / kFadeOut_s));
      piece_.push_back(gain * out_left_[i]);
      if (sound_.channels == 2) piece_.push_back(gain * out_right_[i]);
    }
    out_left_.clear(), out_right_.clear();
    if (!piece_.empty()) sink_(piece_);
  }

  MusicSound sound_;
  const MusicSink& sink_;
  std::int64_t frames_, given_ = 0;
  Resampler left_, right_;
  std::vector<float> mono_, out_left_, out_right_, piece_;
};

}  // namespace

// The soundfont stays in the synthesiser that loaded it, and is lent to one synthesiser a piece.
struct MusicRenderer::Impl {
  std::filesystem::path path;
  Settings settings = make_settings();
  Synth owner;
  fluid_sfont_t* font = nullptr;

  // A synthesiser that no piece has used, with the font on loan.
  struct Loan {
    const Impl& from;
    Synth synth;
    explicit Loan(const Impl& impl) : from(impl), synth(new_fluid_synth(impl.settings.get())) {
      if (!synth || fluid_synth_add_sfont(synth.get(), impl.font) == FLUID_FAILED)
        throw resource_error("cannot make a synthesiser", impl.path.string());
    }
    ~Loan() {
      fluid_synth_all_sounds_off(synth.get(), -1);
      fluid_synth_remove_sfont(synth.get(), from.font);
    }
  };

  std::vector<int> take_programs(fluid_synth_t* synth, const MusicPlan& plan) const {
    std::vector<int> channels;
    int next = 0;
    for (const MusicPart& part : plan.parts) {
      const bool drums = part.instrument == kDrums;
      if (next == kDrumChannel) ++next;
      const int channel = drums ? kDrumChannel : next++;
      if (channel > 15) throw user_error("has more instruments than MIDI has channels", plan.id);
      const int bank = drums ? 128 : 0, program = instrument_named(part.instrument).program;
      if (fluid_synth_program_select(synth, channel, fluid_sfont_get_id(font), bank, program) == FLUID_FAILED)
        throw data_error("has no " + part.instrument + " (bank " + std::to_string(bank) + ", program " +
                             std::to_string(program) + ")",
                         path.string(), "give a soundfont with all of General MIDI");
      channels.push_back(channel);
    }
    return channels;
  }
};

MusicRenderer::MusicRenderer(const std::filesystem::path& soundfont) : impl_(std::make_unique<Impl>()) {
  be_quiet();
  const char* hint = "give a .sf2 file; Debian's timgm6mb-soundfont and fluid-soundfont-gm have one";
  if (!std::filesystem::is_regular_file(soundfont))
    throw data_error("no such soundfont", soundfont.string(), hint);
  if (!is_whole_soundfont(soundfont))
    throw data_error("is no soundfont, or cut short", soundfont.string(), hint);
  impl_->path = soundfont;
  impl_->owner.reset(new_fluid_synth(impl_->settings.get()));
  if (!impl_->owner) throw resource_error("cannot make a synthesiser", soundfont.string());
  const int id = fluid_synth_sfload(impl_->owner.get(), soundfont.c_str(), 0);
  if (id == FLUID_FAILED) throw data_error("is no soundfont, or cut short", soundfont.string(), hint);
  impl_->font = fluid_synth_get_sfont_by_id(impl_->owner.get(), id);
}

void MusicRenderer::render(const MusicPlan& plan, const MusicSound& sound, const MusicSink& sink) const {
  if (sound.rate_hz < 8000 || sound.rate_hz > 96000) throw user_error("must be 8000 to 96000 Hz", "rate");
  if (sound.channels != 1 && sound.channels != 2) throw user_error("must be 1 or 2", "channels");
  const Impl::Loan loan(*impl_);
  fluid_synth_t* synth = loan.synth.get();
  const std::vector<Stroke> strokes = strokes_of(plan, impl_->take_programs(synth, plan));
  Output out(sound, std::llround(plan.seconds() * sound.rate_hz), sink);
  constexpr std::int64_t kMost = 128;  // steps at once
  std::vector<float> left(kMost * kStepFrames), right(kMost * kStepFrames);
  std::size_t next = 0;
  for (std::int64_t at = 0; at < plan.end;) {
    for (; next < strokes.size() && strokes[next].step <= at; ++next) {
      const Stroke& stroke = strokes[next];
      if (stroke.on)
        fluid_synth_noteon(synth, stroke.channel, stroke.key, stroke.velocity);
      else
        fluid_synth_noteoff(synth, stroke.channel, stroke.key);
    }
    std::int64_t until = std::min(plan.end, at + kMost);
    if (next < strokes.size()) until = std::min(until, strokes[next].step);
    const auto frames = static_cast<std::size_t>((until - at) * kStepFrames);
    fluid_synth_write_float(synth, static_cast<int>(frames), left.data(), 0, 1, right.data(), 0, 1);
    out.push({left.data(), frames}, {right.data(), frames});
    at = until;
  }
  out.finish();
}
#else
struct MusicRenderer::Impl {};

MusicRenderer::MusicRenderer(const std::filesystem::path& soundfont) {
  throw resource_error("this build has no FluidSynth, which makes music sound", soundfont.string(),
                       "build with AF2_WITH_FLUIDSYNTH=ON (libfluidsynth-dev), or ask for labels only");
}
void MusicRenderer::render(const MusicPlan&, const MusicSound&, const MusicSink&) const {}
#endif

MusicRenderer::MusicRenderer(MusicRenderer&&) noexcept = default;
MusicRenderer& MusicRenderer::operator=(MusicRenderer&&) noexcept = default;
MusicRenderer::~MusicRenderer() = default;

std::vector<float> MusicRenderer::render(const MusicPlan& plan, const MusicSound& sound) const {
  std::vector<float> samples;
  render(plan, sound,
         [&](std::span<const float> piece) { samples.insert(samples.end(), piece.begin(), piece.end()); });
  return samples;
}

float limit_peak(std::vector<float>& samples, float peak) {
  float highest = 0;
  for (const float x : samples) highest = std::max(highest, std::abs(x));
  if (highest <= peak) return 1;
  const float factor = peak / highest;
  for (float& x : samples) x *= factor;
  return factor;
}

}  // namespace af2
