#include "af2/data/caption_cleaner.h"

#include <algorithm>
#include <functional>
#include <regex>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

constexpr std::size_t kMostBytes = 4000;  // std::regex recurses: bounded input, bounded stack
constexpr double kMostOtherScript = 0.5;  // of the letters

struct Rule {
  CleanRule about;
  std::function<std::string(const std::string&)> run;
  bool of_notes = false;  // also for texts that may say what is seen
};

std::function<std::string(const std::string&)> replace(const std::string& pattern,
                                                       const std::string& put = "") {
  const std::regex compiled(pattern, std::regex::icase | std::regex::optimize);
  return [compiled, put](const std::string& text) { return std::regex_replace(text, compiled, put); };
}

// Code points with the place behind each; bytes that are no UTF-8 give -1.
struct Char {
  int code = -1;
  std::size_t end = 0;
};
Char char_at(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const int first = byte(at);
  const int more = first < 0x80                    ? 0
                   : first >= 0xC2 && first < 0xE0 ? 1
                   : first >= 0xE0 && first < 0xF0 ? 2
                   : first >= 0xF0 && first < 0xF5 ? 3
                                                   : -1;
  if (more < 0 || at + static_cast<std::size_t>(more) >= text.size()) return {-1, at + 1};
  int code = more == 0 ? first : first & (0x3F >> more);
  for (int k = 1; k <= more; ++k) {
    const int next = byte(at + static_cast<std::size_t>(k));
    if ((next & 0xC0) != 0x80) return {-1, at + 1};
    code = code << 6 | (next & 0x3F);
  }
  return {code, at + static_cast<std::size_t>(more) + 1};
}

bool is_latin_letter(int code) {
  return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') || (code >= 0xC0 && code <= 0x24F) ||
         (code >= 0x1E00 && code <= 0x1EFF);
}
// Neither Latin nor the punctuation and signs that Latin text has.
bool is_other_script(int code) {
  return code > 0x24F && !(code >= 0x1E00 && code <= 0x1EFF) && !(code >= 0x2000 && code <= 0x214F);
}

std::string plain_typography(const std::string& text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, end] = char_at(text, at);
    if (code == 0x2018 || code == 0x2019 || code == 0x2BC)
      plain += '\'';
    else if (code == 0x201C || code == 0x201D || code == 0xAB || code == 0xBB)
      plain += '"';
    else if (code >= 0x2010 && code <= 0x2015)
      plain += '-';
    else if (code == 0x2026)
      plain += "...";
    else if (code == 0xA0 || (code >= 0x2000 && code <= 0x200B) || (code >= 0 && code < 32))
      plain += ' ';
    else
      plain += text.substr(at, end - at);
    at = end;
  }
  return plain;
}

std::string without_other_script(const std::string& text) {
  static const std::regex remark(
      R"((?:,? (?:and )?(?:says|saying|speaks|speaking|in (?:mandarin|chinese)))*(?: in (?:mandarin|chinese))?:?\s*['"(]?\x01+['")]?)",
      std::regex::icase);
  std::string marked;
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, end] = char_at(text, at);
    if (is_other_script(code))
      marked += '\x01';
    else
      marked += text.substr(at, end - at);
    at = end;
  }
  if (marked == text) return text;
  // One run of the script, whatever stands between its characters that is no letter.
  marked = std::regex_replace(marked, std::regex("\x01[\x01 ,.!?]*\x01"), "\x01");
  return std::regex_replace(marked, remark, "");
}

// "a red car" to "a car", "an ugly green owl" to "an ugly owl", with a or an as the next word wants it.
std::string without_colours(const std::string& text) {
  static const std::regex colour(
      R"(\b(?:(a|an) )?((?:(?:bright|dark|light|pale)[ -])?(?:red|blue|green|yellow|black|white|brown|grey|gray|purple|pink|golden|silver)(?:(?:,| and|, and) (?:(?:bright|dark|light|pale)[ -])?(?:red|blue|green|yellow|black|white|brown|grey|gray|purple|pink|golden|silver))* )(?!noise|jay|whale|and\b|or\b|is\b|are\b|in\b|on\b)(?=([a-z])))",
      std::regex::icase);
  std::string out;
  std::size_t at = 0;
  for (std::sregex_iterator match(text.begin(), text.end(), colour), end; match != end; ++match) {
    const auto& m = *match;
    const auto start = static_cast<std::size_t>(m.position(0));
    out += text.substr(at, start - at);
    if (m[1].matched) {
      const std::string article = m[1].str();
      out += article[0];
      if (std::string_view("aeiouAEIOU").find(m[3].str()[0]) != std::string_view::npos) out += 'n';
      out += ' ';
    }
    at = start + static_cast<std::size_t>(m.length(0));
  }
  return out + text.substr(at);
}

std::string tidy(const std::string& text) {
  static const std::vector<std::pair<std::regex, std::string>> steps = [] {
    std::vector<std::pair<std::regex, std::string>> all;
    const auto add = [&](const char* pattern, const char* put) {
      all.emplace_back(std::regex(pattern, std::regex::icase), put);
    };
    add(R"(\(\s*\)|"\s*"|\[\s*\])", "");
    add(R"(\s+)", " ");
    add(R"( ([,.;:!?]))", "$1");
    add(R"(([,;:])(?:\s*[,;:])+)", "$1");
    add(R"([,;:]\s*([.!?]))", "$1");
    add(R"(([.!?])(?:\s*[.!?,;])+)", "$1");
    add(R"(^[\s,.;:!?-]+)", "");
    add(R"(^(?:and|while|as|with|but|then|where|in which)[ ,]+(?=[a-z]))", "");
    add(R"([\s,;:-]+$)", "");
    add(R"([ ,]+(?:and|while|as|with|but|then|where|of)\s*([.!?]?)$)", "$1");
    return all;
  }();
  std::string now = text;
  for (const auto& [pattern, put] : steps) now = std::regex_replace(now, pattern, put);
  return trim(now);
}

// Points in time that a captioner names: they are of its own segment, or made up. "for 5 seconds" is no such
// point.
std::string without_times(const std::string& text) {
  static const std::vector<std::regex> patterns = [] {
    const std::string clock = R"(\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?)",
                      number = R"(\d{1,4}(?:\.\d{1,3})?)",
                      unit = R"(\s?(?:s|secs?|seconds?|ms|mins?|minutes?)\b)",
                      mark = number + "[- ]?(?:s|secs?|seconds?|minutes?)[- ]mark",
                      joint = R"(\s*(?:-|to|and|until|till)\s*)",
                      about = "(?:about |around |approximately |roughly |exactly |the |timestamp |time )*",
                      point = "(?:" + clock + "|" + mark + ")",
                      span = "(?:" + number + joint + ")?" + number + unit,
                      any = "(?:" + clock + "|" + number + "(?:" + unit + ")?)";
    std::vector<std::regex> all;
    for (
        const std::string& pattern :
        {R"(\s*[\[(]\s*(?:at |from )?(?:)" + any + joint + any + "|" + clock + "|" + number + unit +
             R"()\s*[\])]\s*[:-]?)",
         R"(^\s*)" + clock + "(?:" + joint + clock + R"()?\s*(?:[:-]|(?=[a-z])))",
         R"([\s,]*\b(?:(?:starting|beginning|ending) )?(?:at|from|between|until|till|around|by|before|after|near)\s+)" +
             about + point + "(?:" + joint + "(?:the )?" + point + ")?(?: mark)?(?: on)?\\b",
         R"([\s,]*\b(?:(?:starting|beginning|ending) )?(?:at|from|between|after)\s+)" + about + "(?:" + span +
             "(?:" + joint + number + unit + ")?|second \\d+)(?! of\\b| intervals?\\b| apart\\b)",
         R"([\s,]*\b(?:in|during|for|within|over) the (?:first|last|next|final) )" + number + unit})
      all.emplace_back(pattern, std::regex::icase | std::regex::optimize);
    return all;
  }();
  std::string now = text;
  for (const std::regex& pattern : patterns) now = std::regex_replace(now, pattern, "");
  return now;
}

// "speaks in Mandarin", "Mandarin speech", "speaking Chinese": without the language.
std::string without_mandarin(const std::string& text) {
  static const std::string language = "(?:mandarin(?: chinese)?|chinese)(?: language)?";
  static const std::regex in(R"(\s*\(in )" + language + R"(\)| in )" + language + "\\b", std::regex::icase),
      spoken(R"(\b(speak|speaks|speaking|spoke|spoken) )" + language + "\\b", std::regex::icase),
      of(R"(\b)" + language +
             R"((?:-speaking | (?=(?:speech|conversation|dialogue|narration|words?|voices?|speakers?)\b)))",
         std::regex::icase);
  return std::regex_replace(std::regex_replace(std::regex_replace(text, in, ""), spoken, "$1"), of, "");
}

// A sentence that began with a capital letter still does.
std::string capital_as(const std::string& before, std::string text) {
  if (before.empty() || text.empty() || before[0] < 'A' || before[0] > 'Z') return text;
  if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

const std::string kGarment =
    "(?:t-shirt|shirt|jacket|coat|dress|hat|cap|suit|uniform|jeans|trousers|shoes|boots|glasses|sunglasses|"
    "helmet|costume|outfit|clothes|clothing|scarf|sweater|hoodie|vest|skirt|gloves|mask)s?\\b(?!-)";
const std::string kPicture = "(?:video|clip|footage|film|image|picture|photo|frame|shot|scene|animation)";

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = {
      {{"typography", "curly quotes, long dashes, odd blanks in plain form", "a dog\xE2\x80\x99s bark",
        "a dog's bark"},
       plain_typography,
       true},
      {{"markup", "tags, entities, emphasis", "<b>Rain</b> &amp; *wind*", "Rain wind"},
       [tags = replace(R"(<[^<>]{0,200}>|&[a-z]{2,8};|&#\d{1,7};)", " "),
        stars = replace(R"([*_`#]{1,3}(?=\S)|([^\s*_`#])[*_`]{1,3})", "$1")](const std::string& text) {
         return stars(tags(text));
       },
       true},
      {{"address", "web and mail addresses with what leads to them",
        "A bell rings. Visit https://a.example/x?y", "A bell rings."},
       replace(
           R"((?:(?:visit|see|go to|more (?:at|on)|source:?|from)\s+)?(?:(?:https?://|www\.)\S+|\S+@\S+\.[a-z]{2,}))"),
       true},
      {{"other_script", "remarks in another script than Latin",
        "A dog barks (\xE4\xBD\xA0\xE5\xA5\xBD) and a man speaks", "A dog barks and a man speaks"},
       without_other_script,
       true},
      {{"mandarin", "the captioner's habit of hearing Mandarin", "A woman speaks in Mandarin Chinese",
        "A woman speaks"},
       without_mandarin,
       true},
      {{"times", "points in time",
        "At 0:03 a dog barks (00:05), and from 6 to 8 seconds a bell rings for 2 seconds",
        "A dog barks, and a bell rings for 2 seconds"},
       without_times,
       true},
      {{"preamble", "words about the recording instead of what is in it", "The video shows a dog barking",
        "A dog barking"},
       replace("^\\s*(?:(?:in )?(?:the|this|a)\\s+(?:audio|recording|sound clip|audio clip|" + kPicture +
               ")\\s+(?:shows|features|depicts|contains|captures|presents|consists of|is of|has|starts with)"
               "(?: that)?\\s+|(?:audio |video )?(?:caption|description)\\s*:\\s*|in (?:the|this) (?:audio|" +
               kPicture + "),?\\s+)")},
      {{"shown", "on the screen, in the video", "A cat meows on the screen in this video", "A cat meows"},
       replace("\\s+(?:(?:that|which) (?:is|are) )?(?:shown |seen |visible |displayed |appearing )?(?:on "
               "(?:the |a )?(?:screen|display|monitor)\\b(?! door)|(?:in|on|of) (?:the|this) " +
               kPicture + "\\b)")},
      {{"writing", "text that is to be read", "A car passes with the words \"Stop here\" appearing",
        "A car passes"},
       replace(
           R"([\s,]+(?:(?:and |as |while )?with (?:the |a |an )?(?:text|words?|subtitles?|titles?|captions?|letters)|(?:and |with |as |while )*(?:the |a |an )?(?:text|words?|subtitles?|titles?|captions?|logo|sign|letters) (?:that )?(?:reads?|reading|says?|saying))(?: (?:reads?|reading|says?|saying))?:? ?"[^"]*"(?: (?:is |are )?(?:appear(?:s|ing)?|displayed|shown)\b)?)")},
      {{"camera", "what the camera does", "A train passes as the camera pans to the left, and a horn blows",
        "A train passes, and a horn blows"},
       [clause = replace(
            R"([\s,]*\b(?:and |as |while |when )?(?:the )?(?:camera|lens|cameraman)\b(?:'s)?[^,.;]*)"),
        scene = replace(
            R"([\s,]*\b(?:and |as |while |when )?the (?:scene|shot|view|screen) (?:cuts|fades|zooms|pans|switches|changes|shifts|goes)\b[^,.;]*)"),
        shot = replace(
            R"(\s*\bin (?:slow motion|close-up|black and white)\b|\b(?:a |an )?(?:close[ -]up|wide|aerial|overhead)(?: (?:shot|view))? of )")](
           const std::string& text) { return shot(scene(clause(text))); }},
      {{"clothes", "what people wear", "A woman wearing a big straw hat and sunglasses sings",
        "A woman sings"},
       [worn =
            replace("\\s+(?:who (?:is|are) )?(?:wearing|dressed in|clad in)\\s+(?:(?:a|an|the|his|her|their) "
                    ")?(?:[a-z-]+ ){0,3}?" +
                    kGarment + "(?:(?: and|,) (?:(?:a|an|his|her) )?(?:[a-z-]+ ){0,2}?" + kGarment + ")*"),
        in = replace("\\s+in (?:(?:a|an|the|his|her|their) )?(?:[a-z-]+ ){0,2}?" + kGarment)](
           const std::string& text) { return in(worn(text)); }},
      {{"seen", "is seen, can be seen, visible", "A man can be seen playing a visible guitar",
        "A man playing a guitar"},
       [seen = replace(
            R"(\s+(?:can be|could be|is|are|was|were|is being|are being) (?:clearly )?(?:seen|shown|visible|pictured|depicted|displayed)\b)"),
        visible = replace(R"(\b(?:visible|visibly)\s+)"),
        we = replace(R"(\b(?:we|you|one) (?:can )?(?:see|sees|watch)(?: that| how)?\s+)")](
           const std::string& text) { return we(visible(seen(text))); }},
      {{"heard", "is heard, can be heard, we hear", "A dog barking can be heard in the distance",
        "A dog barking in the distance"},
       [heard = replace(
            R"(\s+(?:can be|could be|is|are|was|were|is being|are being) (?:clearly |faintly )?(?:heard|audible)\b)"),
        we = replace(R"(\b(?:we|you|one|the listener|listeners) (?:can )?hears?(?: that| how)?\s+)")](
           const std::string& text) { return we(heard(text)); }},
      {{"colour", "colours of things (white, pink and brown noise stay)",
        "A red and white ambulance passes over white noise", "An ambulance passes over white noise"},
       without_colours},
      {{"tidy", "blanks, and punctuation and joining words that now join nothing", "  A bell rings , and .",
        "A bell rings."},
       tidy,
       true},
  };
  return all;
}

CaptionChange change_of(const std::string& rule, const std::string& before, const std::string& after) {
  std::size_t head = 0, tail = 0;
  const std::size_t most = std::min(before.size(), after.size());
  while (head < most && before[head] == after[head]) ++head;
  while (tail < most - head && before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) ++tail;
  return {rule, before.substr(head, before.size() - head - tail),
          after.substr(head, after.size() - head - tail)};
}

CleanedCaption clean_text(std::string_view text, const CleanOptions& options, bool note) {
  CleanedCaption clean;
  const auto drop = [&](const char* reason) {
    clean.dropped = reason;
    clean.text.clear();
    return clean;
  };
  std::string now(text);
  if (trim(now).empty()) return drop("empty");
  if (now.size() > kMostBytes) return drop("no_text");
  int latin = 0, other = 0;
  for (std::size_t at = 0; at < now.size();) {
    const auto [code, end] = char_at(now, at);
    if (code < 0) return drop("no_text");
    latin += is_latin_letter(code);
    other += is_other_script(code);
    at = end;
  }
  if (other > kMostOtherScript * (latin + other)) return drop("other_script");
  const std::string original = trim(now);
  for (const Rule& rule : rules()) {
    if (note && !rule.of_notes) continue;
    const std::string next = rule.run(now);
    if (next != now) clean.changes.push_back(change_of(rule.about.name, now, next));
    now = next;
  }
  clean.text = capital_as(original, now);
  const std::vector<std::string> words = words_of(clean.text);
  const auto n = std::count_if(words.begin(), words.end(), [](const std::string& word) {
    return std::any_of(word.begin(), word.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) > 127;
    });
  });
  if (n == 0) return drop("nothing_left");
  if (n < options.min_words) return drop("too_short");
  if (n > options.max_words) return drop("too_long");
  return clean;
}

}  // namespace

CleanedCaption clean_caption(std::string_view text, const CleanOptions& options) {
  return clean_text(text, options, false);
}

CleanedCaption clean_note(std::string_view text, const CleanOptions& options) {
  return clean_text(text, options, true);
}

std::vector<CleanRule> clean_rules() {
  std::vector<CleanRule> all;
  for (const Rule& rule : rules()) all.push_back(rule.about);
  return all;
}

}  // namespace af2
