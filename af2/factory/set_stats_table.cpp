// The figures of set_stats.h as a table for people.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "af2/core/text_util.h"
#include "af2/factory/set_stats.h"

namespace af2 {
namespace {

using Cells = std::map<std::string, double>;  // of one column, by the row's name

std::string whole(double n) {
  return fmt::format("{:.0f}", n);
}

std::size_t width_of(const std::string& text) {  // letters of UTF-8
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string filled(const std::string& text, std::size_t width, bool to_the_right) {
  const std::string blanks(width - std::min(width, width_of(text)), ' ');
  return to_the_right ? blanks + text : text + blanks;
}

// Names of columns: the shortest ends of the paths that tell them apart.
std::vector<std::string> short_names(const std::vector<std::string>& paths) {
  std::vector<std::vector<std::string>> parts;
  for (const std::string& path : paths) {
    std::vector<std::string> own;
    for (const std::string& part : split(path, '/'))
      if (!part.empty() && part != ".") own.push_back(part);
    if (own.empty()) own = {path};
    parts.push_back(own);
  }
  const auto end_of = [&](std::size_t i, std::size_t n) {
    std::string name;
    for (std::size_t k = parts[i].size() - std::min(n, parts[i].size()); k < parts[i].size(); ++k)
      name += (name.empty() ? "" : "/") + parts[i][k];
    return name;
  };
  std::vector<std::string> names;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const auto same = [&](std::size_t n) {
      for (std::size_t k = 0; k < paths.size(); ++k)
        if (k != i && end_of(k, n) == end_of(i, n)) return true;
      return false;
    };
    std::size_t n = 1;
    while (n < parts[i].size() && same(n)) ++n;
    names.push_back(same(n) ? paths[i] : end_of(i, n));
  }
  return names;
}

// Of a part's rows: by size, by name, or as the columns tell them.
enum class Order { kBySize, kByName, kAsTold };

class StatsTable {
 public:
  explicit StatsTable(const std::vector<const Json*>& columns) : columns_(columns) {}

  void head(const std::vector<std::string>& names) { rows_.push_back({"", names}); }
  void texts(const std::string& name, const char* key) {
    std::vector<std::string> cells;
    for (const Json* column : columns_) cells.push_back((*column)[key].get<std::string>());
    rows_.push_back({name, cells});
  }
  // A row of one number of each column.
  template <class Get>
  void row(const std::string& name, const Get& get, int decimals = 0) {
    std::vector<std::string> cells;
    for (const Json* column : columns_) cells.push_back(fmt::format("{:.{}f}", get(*column), decimals));
    rows_.push_back({name, cells});
  }
  // The same where any is not 0.
  template <class Get>
  void row_if_any(const std::string& name, const Get& get) {
    if (std::any_of(columns_.begin(), columns_.end(), [&](const Json* c) { return get(*c) != 0; }))
      row(name, get);
  }
  // A part with a title and as many rows as any column has names.
  template <class Get>
  void part(const std::string& title, const Get& get, Order order = Order::kBySize) {
    std::vector<Cells> all;
    std::vector<std::string> names;
    Cells sums;
    for (const Json* column : columns_) {
      Cells cells;
      get(*column, [&](const std::string& name, double n) {
        cells[name] += n;
        if (!sums.contains(name)) names.push_back(name);
        sums[name] += n;
      });
      all.push_back(std::move(cells));
    }
    std::erase_if(names, [&](const std::string& name) { return sums[name] == 0; });
    if (names.empty() || (names.size() == 1 && names[0] == "none")) return;
    if (order == Order::kByName) std::sort(names.begin(), names.end());
    if (order == Order::kBySize)
      std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
        return std::pair(-sums[a], a) < std::pair(-sums[b], b);
      });
    rows_.push_back({title, {}});
    for (const std::string& name : names) {
      std::vector<std::string> cells;
      for (Cells& column : all) cells.push_back(whole(column[name]));
      rows_.push_back({"  " + one_line_of(name), cells});
    }
  }
  void title(const std::string& text) { rows_.push_back({text, {}}); }

  std::string text() const {
    std::size_t first = 0;
    std::vector<std::size_t> widths(columns_.size(), 0);
    for (const Row& row : rows_) {
      first = std::max(first, width_of(row.name));
      for (std::size_t i = 0; i < row.cells.size(); ++i)
        widths[i] = std::max(widths[i], width_of(row.cells[i]));
    }
    std::string text;
    for (const Row& row : rows_) {
      std::string line = row.cells.empty() ? row.name : filled(row.name, first, false);
      for (std::size_t i = 0; i < row.cells.size(); ++i) line += "  " + filled(row.cells[i], widths[i], true);
      text += line + "\n";
    }
    return text;
  }

 private:
  struct Row {
    std::string name;
    std::vector<std::string> cells;
  };
  static std::string one_line_of(std::string name) {
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
    return name;
  }

  std::vector<const Json*> columns_;
  std::vector<Row> rows_;
};

double number(const Json& json) {
  return json.get<double>();
}

// Names and numbers of a table of counts.
auto counts_at(const char* key) {
  return [key](const Json& c, const auto& add) {
    for (const auto& [name, n] : c[key].items()) add(name, number(n));
  };
}
// Tables of counts in a table, by whatever: their sums.
auto sums_at(const char* key) {
  return [key](const Json& c, const auto& add) {
    for (const auto& [of, counts] : c[key].items())
      for (const auto& [name, n] : counts.items()) add(name, number(n));
  };
}

void durations(StatsTable& table, const char* title, const char* what) {
  table.part(
      title,
      [&](const Json& c, const auto& add) {
        for (const Json& bin : c["durations"])
          add(bin.contains("to") ? bin["from"].dump() + "-" + bin["to"].dump() : bin["from"].dump() + "+",
              number(bin[what]));
        add("not known", number(c["unknown_durations"][what]));
      },
      Order::kAsTold);
}

void words(StatsTable& table, const char* title, const char* key) {
  table.title(title);
  const auto of = [key](const char* what) { return [=](const Json& c) { return number(c[key][what]); }; };
  table.row("  mean", of("mean"), 1);
  table.row("  median", of("median"));
  table.row("  p95", of("p95"));
  table.row("  max", of("max"));
}

void of_items(StatsTable& table) {
  table.part("items by skill", [](const Json& c, const auto& add) {
    for (const Json& skill : c["skills"]) add(skill["skill"].get<std::string>(), number(skill["items"]));
  });
  table.part("items by type", [](const Json& c, const auto& add) {
    for (const Json& type : c["types"])
      if (const auto name = type["type"].get<std::string>(); !name.empty())
        add(type["skill"].get<std::string>() + "." + name, number(type["items"]));
  });
  table.part("items by form", counts_at("forms"));
  table.part("items by level", counts_at("levels"), Order::kByName);
  table.part("items by split", counts_at("splits"));
  words(table, "words of a question", "question_words");
  words(table, "words of an answer", "answer_words");
  table.part("letters of answers", sums_at("letters"), Order::kByName);
  table.part("yes and no", sums_at("yes_no"));
  table.title("duplicates: same sound and question");
  table.row("  asked before", [](const Json& c) { return number(c["duplicates"]["question"]); });
  table.row("  with the same answer",
            [](const Json& c) { return number(c["duplicates"]["question_and_answer"]); });
}

void of_records(StatsTable& table) {
  table.title("records");
  const auto of = [](const char* what) { return [=](const Json& c) { return number(c["records"][what]); }; };
  table.row("  records", of("records"));
  for (const auto& [name, key] :
       {std::pair("  events", "events"), std::pair("  labels of events", "labels"),
        std::pair("  captions", "captions"), std::pair("  stretches of speech", "speech"),
        std::pair("  with music", "music"), std::pair("  with a story", "stories")})
    table.row_if_any(name, of(key));
}

}  // namespace

std::string stats_table(const SetStats& stats) {
  std::vector<const Json*> columns;
  std::vector<std::string> paths;
  for (const Json& input : stats.inputs)
    columns.push_back(&input), paths.push_back(input["path"].get<std::string>());
  std::vector<std::string> names = short_names(paths);
  if (stats.inputs.size() > 1) columns.push_back(&stats.total), names.push_back("total");
  const bool items = number(stats.total["items"]) > 0,
             records = number(stats.total["records"]["records"]) > 0;
  StatsTable table(columns);
  table.head(names);
  table.texts("form", "form");
  if (items) table.row("items", [](const Json& c) { return number(c["items"]); });
  table.row("unique clips", [](const Json& c) { return number(c["clips"]); });
  table.row("sound files", [](const Json& c) { return number(c["files"]); });
  table.row_if_any("groups", [](const Json& c) { return number(c["groups"]); });
  table.row(
      "hours, each clip once", [](const Json& c) { return number(c["hours"]); }, 2);
  durations(table, "clips by seconds", "clips");
  if (items) {
    durations(table, "items by seconds of their clip", "items");
    of_items(table);
  }
  if (records) of_records(table);
  table.part("licences", counts_at("licences"));
  table.part("sources", counts_at("sources"));
  table.part("left out, cannot be read", counts_at("left_out"));
  if (stats.total.contains("sounds")) {
    table.title("sounds opened");
    for (const auto& [name, key] : {std::pair("  files", "files"), std::pair("  missing", "missing"),
                                    std::pair("  unreadable", "unreadable")})
      table.row(name, [key = key](const Json& c) { return number(c["sounds"][key]); });
  }
  std::string text = table.text();
  for (const Json& input : stats.inputs) {
    if (!input.contains("sounds")) continue;
    const double bad = number(input["sounds"]["missing"]) + number(input["sounds"]["unreadable"]);
    for (const Json& sound : input["sounds"]["listed"])
      text += sound["problem"].get<std::string>() + "  " + sound["path"].get<std::string>() + "\n";
    if (const auto more = bad - static_cast<double>(input["sounds"]["listed"].size()); more > 0)
      text += fmt::format("and {:.0f} more of {}\n", more, input["path"].get<std::string>());
  }
  return text;
}

}  // namespace af2
