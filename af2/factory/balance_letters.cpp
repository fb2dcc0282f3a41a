// Where the right option stands, and which sequence of letters is right (balance.h).
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "af2/core/random.h"
#include "af2/factory/balance.h"

namespace af2 {
namespace {

struct Member {
  std::size_t item = 0;
  int place = 0;  // of all that could be
};

// Moves members from places that have too many to places that have too few, until every place has its share.
// Which ones is decided by name. Nothing happens where every share is within `points`.
void level(std::vector<Member>& members, int places, double points,
           const std::function<std::uint64_t(std::size_t)>& rank,
           const std::function<bool(Member&, int)>& move) {
  std::vector<std::size_t> have(static_cast<std::size_t>(places), 0);
  for (const Member& m : members) ++have[static_cast<std::size_t>(m.place)];
  const auto n = static_cast<double>(members.size());
  const bool even = std::all_of(have.begin(), have.end(), [&](std::size_t h) {
    return std::abs(static_cast<double>(h) / n - 1.0 / places) <= points / 100;
  });
  if (even) return;
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t k = 0; k < members.size(); ++k) order.emplace_back(rank(members[k].item), k);
  std::sort(order.begin(), order.end());
  const std::size_t low = members.size() / static_cast<std::size_t>(places);
  const std::size_t high = low + (members.size() % static_cast<std::size_t>(places) != 0);
  int next = 0;
  for (const auto& [r, k] : order) {
    Member& m = members[k];
    auto& own = have[static_cast<std::size_t>(m.place)];
    if (own <= low) continue;
    // A place below its share; else one that may have one more, from a place that has more than that.
    int target = -1;
    for (int step = 0; step < places && target < 0; ++step)
      if (have[static_cast<std::size_t>((next + step) % places)] < low) target = (next + step) % places;
    for (int step = 0; own > high && step < places && target < 0; ++step)
      if (have[static_cast<std::size_t>((next + step) % places)] < high) target = (next + step) % places;
    if (target < 0) continue;
    if (!move(m, target)) continue;
    --own, ++have[static_cast<std::size_t>(target)];
    next = (target + 1) % places;
  }
}

// Permutations of n in lexical order, as a number.
int number_of(const std::vector<int>& order) {
  int number = 0;
  const int n = static_cast<int>(order.size());
  for (int i = 0; i < n; ++i) {
    int smaller = 0;
    for (int j = i + 1; j < n; ++j)
      smaller += order[static_cast<std::size_t>(j)] < order[static_cast<std::size_t>(i)];
    number = number * (n - i) + smaller;
  }
  return number;
}
std::vector<int> order_of(int number, int n) {
  std::vector<int> digits(static_cast<std::size_t>(n)), rest(static_cast<std::size_t>(n)), order;
  for (int i = n - 1; i >= 0; --i) digits[static_cast<std::size_t>(i)] = number % (n - i), number /= n - i;
  std::iota(rest.begin(), rest.end(), 0);
  for (const int d : digits) {
    order.push_back(rest[static_cast<std::size_t>(d)]);
    rest.erase(rest.begin() + d);
  }
  return order;
}

bool is_order(const std::vector<int>& letters) {
  std::vector<int> sorted = letters;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<int>(i)) return false;
  return letters.size() >= 2 && letters.size() <= 5;
}

// "(B)(A)" with other letters, everything else as it was.
std::string with_letters(const std::string& text, const std::vector<int>& places) {
  std::string out = text;
  for (char& c : out)
    if (c >= 'A' && c < 'A' + static_cast<int>(places.size()))
      c = static_cast<char>('A' + places[static_cast<std::size_t>(c - 'A')]);
  return out;
}

}  // namespace

std::vector<int> letter_sequence(std::string_view text) {
  std::vector<int> letters;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c >= 'A' && c <= 'Z') {
      const bool alone = (i == 0 || text[i - 1] < 'A' || text[i - 1] > 'z') &&
                         (i + 1 == text.size() || text[i + 1] < 'A' || text[i + 1] > 'z');
      if (!alone || std::find(letters.begin(), letters.end(), c - 'A') != letters.end()) return {};
      letters.push_back(c - 'A');
    } else if (std::string_view(" ,;()->.").find(c) == std::string_view::npos) {
      return {};
    }
  }
  return letters.size() < 2 ? std::vector<int>{} : letters;
}

bool reorder_list(Item& item, const std::vector<int>& places) {
  const std::string& q = item.question;
  const std::size_t n = places.size();
  std::vector<std::pair<std::size_t, std::size_t>> spans;  // of what is listed
  std::size_t at = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t mark = q.find(std::string("(") + static_cast<char>('A' + i) + ")", at);
    if (mark == std::string::npos) return false;
    at = mark + 3;
    const std::size_t next = i + 1 < n ? q.find(std::string("(") + static_cast<char>('A' + i + 1) + ")", at)
                                       : q.find_first_of(".?!:", at);
    std::size_t begin = at, end = next == std::string::npos ? q.size() : next;
    while (begin < end && q[begin] == ' ') ++begin;
    const auto trim_end = [&] {
      while (end > begin && std::string_view(" ,;.?!:").find(q[end - 1]) != std::string_view::npos) --end;
    };
    trim_end();
    for (const std::string_view word : {" and", " or"})
      if (i + 1 < n && end - begin > word.size() &&
          std::string_view(q).substr(begin, end - begin).ends_with(word)) {
        end -= word.size();
        trim_end();
      }
    if (begin >= end) return false;
    spans.emplace_back(begin, end);
  }
  if (q.find(std::string("(") + static_cast<char>('A' + n) + ")", at) != std::string::npos) return false;
  std::vector<std::string> texts(n);
  for (std::size_t i = 0; i < n; ++i)
    texts[static_cast<std::size_t>(places[i])] = q.substr(spans[i].first, spans[i].second - spans[i].first);
  std::string question;
  at = 0;
  for (std::size_t i = 0; i < n; ++i) {
    question += q.substr(at, spans[i].first - at) + texts[i];
    at = spans[i].second;
  }
  item.question = question + q.substr(at);
  // What the answer is recomputed from is listed by letters, too.
  for (auto& [key, value] : item.facts.items())
    if (value.is_array() && value.size() == n) {
      Json ordered = value;
      for (std::size_t i = 0; i < n; ++i) ordered[static_cast<std::size_t>(places[i])] = value[i];
      value = ordered;
    }
  for (std::string& option : item.options)
    if (!letter_sequence(option).empty()) option = with_letters(option, places);
  if (!letter_sequence(item.answer).empty()) item.answer = with_letters(item.answer, places);
  return true;
}

std::int64_t balance_letters(std::vector<Item>& items, const BalanceOptions& options) {
  std::map<std::pair<std::string, int>, std::vector<Member>> letters, sequences;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    if (!item.options.empty() && item.answer_index >= 0 && item.form != "yes_no")
      letters[{skill_key(item), static_cast<int>(item.options.size())}].push_back({i, item.answer_index});
    const std::vector<int> sequence = letter_sequence(item.answer);
    if (is_order(sequence))
      sequences[{skill_key(item), static_cast<int>(sequence.size())}].push_back({i, number_of(sequence)});
  }
  std::vector<char> changed(items.size(), 0);
  const auto rank = [&](std::size_t i) {
    return Random("af2/factory/letter/1/" + std::to_string(options.seed) + "/" + items[i].id).next();
  };
  for (auto& [key, members] : letters)
    level(members, key.second, options.letter_points, rank, [&](Member& m, int target) {
      Item& item = items[m.item];
      const auto from = static_cast<std::size_t>(m.place), to = static_cast<std::size_t>(target);
      std::swap(item.options[from], item.options[to]);
      if (item.kinds.size() == item.options.size()) std::swap(item.kinds[from], item.kinds[to]);
      item.answer_index = m.place = target;
      return changed[m.item] = 1, true;
    });
  for (auto& [key, members] : sequences) {
    int orders = 1;
    for (int k = 2; k <= key.second; ++k) orders *= k;
    level(members, orders, options.letter_points, rank, [&](Member& m, int target) {
      const std::vector<int> old = order_of(m.place, key.second), wanted = order_of(target, key.second);
      // What stood at letter old[k] is the k-th to be named, and shall stand at wanted[k].
      std::vector<int> places(old.size());
      for (std::size_t k = 0; k < old.size(); ++k) places[static_cast<std::size_t>(old[k])] = wanted[k];
      if (!reorder_list(items[m.item], places)) return false;
      m.place = target;
      return changed[m.item] = 1, true;
    });
  }
  return std::count(changed.begin(), changed.end(), 1);
}

}  // namespace af2
