#include "af2/factory/rules/music_recheck.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "af2/data/text_terms.h"

namespace af2 {
namespace {

constexpr double kTogether_s = 0.03;  // onsets that are one
constexpr double kSameChord_s = 0.15;

int letter_class(char letter) {
  switch (letter) {
    case 'C':
      return 0;
    case 'D':
      return 2;
    case 'E':
      return 4;
    case 'F':
      return 5;
    case 'G':
      return 7;
    case 'A':
      return 9;
    case 'B':
      return 11;
    default:
      return -1;
  }
}

// The note that a text begins with; `used`: its length.
int leading_note(const std::string& text, std::size_t& used) {
  int note = text.empty() ? -1 : letter_class(text[0]);
  if (note < 0) return -1;
  for (used = 1; used < text.size() && (text[used] == '#' || text[used] == 'b'); ++used)
    note += text[used] == '#' ? 1 : -1;
  return ((note % 12) + 12) % 12;
}

bool is_drums(const std::string& instrument) {
  return instrument.find("drum") != std::string::npos && instrument.find("steel") == std::string::npos;
}

// The words of a text, with their case, without the marks behind them.
std::vector<std::string> tokens_of(const std::string& text) {
  std::vector<std::string> tokens(1);
  for (const char c : text) {
    if (c == ' ')
      tokens.emplace_back();
    else
      tokens.back() += c;
  }
  for (std::string& token : tokens)
    while (!token.empty() && (token.back() == '.' || token.back() == ',' || token.back() == '!'))
      token.pop_back();
  return tokens;
}

struct Cluster {
  double at = 0, end = 0;
  int size = 0;
};

// Notes that begin together, of one instrument or, with an empty name, of all but drums.
std::vector<Cluster> clusters_of(const Record& record, const std::string& instrument) {
  std::vector<const RecordNote*> notes;
  for (const RecordNote& note : record.music.notes)
    if (instrument.empty() ? !is_drums(note.instrument) : note.instrument == instrument)
      notes.push_back(&note);
  std::stable_sort(notes.begin(), notes.end(),
                   [](const auto* a, const auto* b) { return a->start < b->start; });
  std::vector<Cluster> clusters;
  for (const RecordNote* note : notes) {
    if (clusters.empty() || note->start - clusters.back().at > kTogether_s)
      clusters.push_back({note->start, note->end, 0});
    clusters.back().end = std::max(clusters.back().end, note->end);
    ++clusters.back().size;
  }
  return clusters;
}

// Where in its beat a time lies: share and number of the beat; number 0: outside.
std::pair<double, int> place_in_beat(const Record& record, double at) {
  const auto& beats = record.music.beats;
  for (std::size_t i = 0; i + 1 < beats.size(); ++i)
    if (at >= beats[i].at - kTogether_s && at < beats[i + 1].at - kTogether_s)
      return {(at - beats[i].at) / (beats[i + 1].at - beats[i].at), beats[i].number};
  return {0, 0};
}

// One plays later what the other plays, at whatever height.
bool imitates(const Record& record, const std::string& leader, const std::string& follower) {
  std::vector<double> lead, follow;
  double lead_at = -1, follow_at = -1;
  for (const RecordNote& note : record.music.notes) {
    if (note.instrument == leader) lead.push_back(note.pitch), lead_at = lead_at < 0 ? note.start : lead_at;
    if (note.instrument == follower)
      follow.push_back(note.pitch), follow_at = follow_at < 0 ? note.start : follow_at;
  }
  const std::size_t n = std::min<std::size_t>(12, std::min(lead.size(), follow.size()) - 1);
  if (lead.empty() || follow.empty() || n < 5 || follow_at - lead_at < 0.8) return false;
  bool moves = false;
  for (std::size_t i = 1; i < n; ++i) {
    if (lead[i] - lead[0] != follow[i] - follow[0]) return false;
    moves = moves || lead[i] != lead[0];
  }
  return moves;
}

// A time counted in beats, whatever the tempo does.
double in_beats(const Record& record, double at) {
  const auto& beats = record.music.beats;
  for (std::size_t i = 0; i + 1 < beats.size(); ++i)
    if (at < beats[i + 1].at || i + 2 == beats.size())
      return static_cast<double>(i) + (at - beats[i].at) / (beats[i + 1].at - beats[i].at);
  return at;
}

bool even_steps(const Record& record, const std::vector<Cluster>& clusters) {
  if (clusters.size() < 8) return false;
  std::vector<double> steps;
  for (std::size_t i = 1; i < clusters.size(); ++i)
    steps.push_back(in_beats(record, clusters[i].at) - in_beats(record, clusters[i - 1].at));
  std::vector<double> sorted = steps;
  std::sort(sorted.begin(), sorted.end());
  const double usual = sorted[sorted.size() / 2];
  const auto same =
      std::count_if(steps.begin(), steps.end(), [&](double step) { return std::abs(step - usual) < 0.05; });
  return static_cast<double>(same) > 0.7 * static_cast<double>(steps.size());
}

// What chords of three notes and more do.
std::string chord_manner(const Record& record, const std::vector<Cluster>& chords) {
  int on_beat = 0, between = 0, on_first = 0, known = 0;
  double beats_held = 0;
  const double beat_s = beat_distance(record, 0, 1);
  for (const Cluster& chord : chords) {
    const auto [share, number] = place_in_beat(record, chord.at);
    if (number == 0) continue;
    ++known;
    on_beat += share<0.1, between += share> 0.4 && share < 0.72, on_first += share < 0.1 && number == 1;
    beats_held += beat_s > 0 ? (chord.end - chord.at) / beat_s : 0;
  }
  if (known < 4) return "";
  if (between > 0.8 * known) return "off-beat chords";
  if (beats_held / known > 1.7) return "sustained chords";
  if (on_beat > 0.8 * known && on_first < 0.1 * known) return "after-beats";
  return "block chords";
}

}  // namespace

std::string judge(const Item& item, const TextTest& right, const TextTest& near) {
  if (item.form == "choice") {
    if (item.answer_index < 0 || item.answer_index >= static_cast<int>(item.options.size()))
      return "no option is the answer";
    for (std::size_t i = 0; i < item.options.size(); ++i) {
      const bool is_answer = static_cast<int>(i) == item.answer_index, fits = right(item.options[i]);
      if (is_answer && !fits) return "the answer is wrong: " + item.options[i];
      if (is_answer && item.answer != item.options[i]) return "answer and option differ";
      if (!is_answer && (fits || (near && near(item.options[i]))))
        return "another option is right too: " + item.options[i];
    }
    return "";
  }
  if (right(item.answer)) return "";
  if (item.form == "open") {
    const std::vector<std::string> tokens = tokens_of(item.answer);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string words;
      for (std::size_t k = i; k < std::min(tokens.size(), i + 8); ++k) {
        words += (words.empty() ? "" : " ") + tokens[k];
        if (right(words)) return "";
      }
    }
  }
  return "the answer is wrong: " + item.answer;
}

std::string fact(const Item& item, const std::string& name) {
  return item.facts.contains(name) && item.facts[name].is_string() ? item.facts[name].get<std::string>() : "";
}

std::string judge_claim(const Item& item, const TextTest& right, const std::string& name) {
  const std::string claim = fact(item, name);
  if (claim.empty()) return "says not what it claims";
  if (item.question.find(claim.substr(1)) == std::string::npos)
    return "the question does not put forward " + claim;
  const std::string wanted = right(claim) ? "yes" : "no";
  return normal_term(item.answer) == wanted ? "" : "the answer should be " + wanted;
}

std::optional<ToneSet> tones_of_symbol(const std::string& symbol) {
  std::size_t used = 0;
  const int root = leading_note(symbol, used);
  if (root < 0) return std::nullopt;
  std::string kind = symbol.substr(used, symbol.find('/') - used);
  std::erase(kind, ':');
  std::set<int> tones = {0};
  const auto take = [&](const char* start) {
    if (!kind.starts_with(start)) return false;
    kind.erase(0, std::string(start).size());
    return true;
  };
  if (take("maj7") || take("M7"))
    tones.merge(std::set<int>{4, 7, 11});
  else if (take("m7b5"))
    tones.merge(std::set<int>{3, 6, 10});
  else if (take("min7") || take("m7"))
    tones.merge(std::set<int>{3, 7, 10});
  else if (take("dim"))
    tones.merge(std::set<int>{3, 6});
  else if (take("maj"))
    tones.merge(std::set<int>{4, 7});
  else if (take("min") || take("m"))
    tones.merge(std::set<int>{3, 7});
  else if (take("7"))
    tones.merge(std::set<int>{4, 7, 10});
  else
    tones.merge(std::set<int>{4, 7});
  if (!kind.empty()) return std::nullopt;
  return ToneSet{root, tones};
}

int root_of_symbol(const std::string& symbol) {
  std::size_t used = 0;
  return leading_note(symbol, used);
}

std::vector<SpanOfChord> chord_spans(const Record& record) {
  std::vector<SpanOfChord> spans;
  for (const RecordChord& chord : record.music.chords) {
    const auto tones = tones_of_symbol(chord.name);
    if (!tones) return {};
    if (!spans.empty() && spans.back().tones == *tones && chord.start <= spans.back().end + kSameChord_s)
      spans.back().end = std::max(spans.back().end, chord.end);
    else
      spans.push_back({*tones, chord.start, chord.end});
  }
  return spans;
}

std::optional<Tonality> tonality_of(const std::string& text) {
  std::size_t used = 0;
  const int tonic = leading_note(text, used);
  if (tonic < 0) return std::nullopt;
  const std::string mode = normal_term(text.substr(used));
  static const std::map<std::string, bool> minor_third = {{"major", false},  {"mixolydian", false},
                                                          {"lydian", false}, {"minor", true},
                                                          {"dorian", true},  {"phrygian", true}};
  const auto found = minor_third.find(mode);
  if (found == minor_third.end()) return std::nullopt;
  return Tonality{tonic, found->second, mode};
}

std::optional<double> share_in_key(const Record& record, const Tonality& key, double from, double to) {
  // Both sevenths belong to minor.
  static const std::map<std::string, std::set<int>> scales = {
      {"major", {0, 2, 4, 5, 7, 9, 11}},  {"minor", {0, 2, 3, 5, 7, 8, 10, 11}},
      {"dorian", {0, 2, 3, 5, 7, 9, 10}}, {"mixolydian", {0, 2, 4, 5, 7, 9, 10}},
      {"lydian", {0, 2, 4, 6, 7, 9, 11}}, {"phrygian", {0, 1, 3, 5, 7, 8, 10}}};
  int all = 0, in = 0;
  for (const RecordNote& note : record.music.notes) {
    if (is_drums(note.instrument) || note.start < from || note.start >= to) continue;
    ++all;
    in += scales.at(key.mode).contains((static_cast<int>(std::lround(note.pitch)) - key.tonic + 120) % 12);
  }
  if (all < 20) return std::nullopt;
  return static_cast<double>(in) / all;
}

double first_sound(const Record& record, const std::string& instrument) {
  double first = -1;
  for (const RecordNote& note : record.music.notes)
    if (note.instrument == instrument && (first < 0 || note.start < first)) first = note.start;
  for (const RecordEvent& event : record.events)
    if (first < 0 && event.label == instrument) first = event.onset;
  return first;
}

double last_sound(const Record& record, const std::string& instrument) {
  double last = -1;
  for (const RecordNote& note : record.music.notes)
    if (note.instrument == instrument) last = std::max(last, note.end);
  for (const RecordEvent& event : record.events)
    if (last < 0 && event.label == instrument) last = event.offset;
  return last;
}

std::set<std::string> all_players(const Record& record) {
  std::set<std::string> players(record.music.instruments.begin(), record.music.instruments.end());
  for (const RecordNote& note : record.music.notes)
    if (!note.instrument.empty()) players.insert(note.instrument);
  return players;
}

std::set<std::string> textures_heard(const Record& record) {
  std::vector<std::string> players;
  for (const std::string& player : all_players(record))
    if (!is_drums(player)) players.push_back(player);
  for (const std::string& leader : players)
    for (const std::string& follower : players)
      if (leader != follower && imitates(record, leader, follower)) return {"canon"};
  std::set<std::string> heard;
  std::vector<Cluster> all = clusters_of(record, "");
  if (all.size() < 5) return heard;
  all.pop_back();  // the last chord is held whatever came before
  const double end = all.back().at + kTogether_s;
  const auto full = std::count_if(all.begin(), all.end(), [](const Cluster& c) { return c.size >= 3; });
  if (static_cast<double>(full) > 0.9 * static_cast<double>(all.size())) heard.insert("voices together");
  std::vector<Cluster> chords;
  bool even = false, single = true;
  for (const std::string& player : players) {
    std::vector<Cluster> clusters = clusters_of(record, player), big;
    std::erase_if(clusters, [&](const Cluster& c) { return c.at > end; });
    for (const Cluster& cluster : clusters)
      if (cluster.size >= 3) big.push_back(cluster);
    single = single && big.empty();
    even = even || (big.empty() && even_steps(record, clusters));
    if (big.size() > chords.size()) chords = big;
  }
  if (const std::string manner = chord_manner(record, chords); !manner.empty()) heard.insert(manner);
  if (single && even && !heard.contains("voices together")) heard.insert("broken chords");
  if (single && players.size() == 1) heard.insert("melody alone");
  return heard;
}

std::string rhythm_heard(const Record& record) {
  int half = 0, third = 0;
  for (const RecordNote& note : record.music.notes) {
    const auto [share, number] = place_in_beat(record, note.start);
    if (number == 0) continue;
    half += std::abs(share - 0.5) < 0.06, third += std::abs(share - 2.0 / 3) < 0.06;
  }
  if (half + third < 4) return "";
  if (half > 4 * third) return "straight";
  return third > 4 * half ? "swung" : "";
}

double beat_distance(const Record& record, double from_share, double to_share) {
  const auto& beats = record.music.beats;
  const auto n = static_cast<double>(beats.size());
  std::vector<double> steps;
  for (auto i = static_cast<std::size_t>(from_share * n); i + 1 < static_cast<std::size_t>(to_share * n); ++i)
    steps.push_back(beats[i + 1].at - beats[i].at);
  if (steps.size() < 2) return 0;
  std::nth_element(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2), steps.end());
  return steps[steps.size() / 2];
}

}  // namespace af2
