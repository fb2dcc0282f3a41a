// Contextual sound and contextual speech: items by rules on records written by hand, and what their re-check
// refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "af2/core/file.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/context_tables.h"
#include "af2/factory/rules/recheck.h"
#include "af2/factory/rules/rules.h"

namespace af2 {
namespace {

using ::testing::HasSubstr;

std::vector<LabelInfo> bank_labels() {
  return read_label_table(std::string(AF2_SOURCE_DIR) + "/tools/sound_bank/labels.tsv");
}

const Vocabulary& bank_words() {
  static const Vocabulary words(bank_labels());
  return words;
}

RecordEvent event(const std::string& label, double onset, double offset, const std::string& purpose = "") {
  RecordEvent e;
  e.label = label, e.onset = onset, e.offset = offset, e.purpose = purpose;
  return e;
}

RecordSpeech speech(const std::string& text, double start, const std::string& speaker = "woman") {
  RecordSpeech s;
  s.text = text, s.start = start, s.end = start + 1, s.lang = "en", s.speaker = speaker, s.voice = "someone";
  return s;
}

// A farm at daybreak in the rain: the bell makes the dog bark, and the dog is answered by the geese next
// door.
Record farm() {
  Record record;
  record.id = "farm", record.audio = "farm.wav", record.duration = 20, record.all_labelled = true;
  record.events = {
      event("rain", 0, 20),  event("rooster", 1, 2.5), event("bell", 5, 6, "to call people to a meal"),
      event("dog", 7, 9),    event("duck", 11, 12),    event("sheep", 13, 17),
      event("truck", 16, 19)};
  record.events[0].role = "background";
  record.story.recipe = "farm", record.story.place = "a farmyard", record.story.weather = "light rain";
  record.story.time = "dawn";
  record.story.relations = {{"causes", 2, 3, "the dog barks because a bell rings"},
                            {"answers", 4, 3, "a duck answers the dog"},
                            {"interrupts", 6, 5, "a truck interrupts the bleating of the sheep"}};
  return record;
}

// A clip with one sound, something that sounds far off in time, and an utterance.
Record spoken(const SpeechSituation& s) {
  Record record;
  record.id = "spoken", record.audio = "spoken.wav", record.duration = 40, record.all_labelled = true;
  const double at = s.after ? 6 : 10;
  record.events = {event(s.label, at, at + 1.5)};
  const double start = s.after ? 8 : 8.5;
  record.speech = {speech(s.words, start)};
  record.events.push_back(event("woman speaking", start, start + 1));
  return record;
}

std::optional<Item> make(const Record& record, const std::string& skill, const std::string& type,
                         const std::string& form, int seed, bool held_out = false) {
  const Margins margins;
  Random rng("af2/test/contextual/" + skill + "/" + type + "/" + form + "/" + std::to_string(seed));
  RuleContext context{record, bank_words(), margins, rng};
  return make_item(rule_type(skill, type), context, {form, 4, held_out, -1});
}

std::string problem(const Item& item, const Record& record) {
  return item_problem(item, record, bank_words(), Margins());
}

int words_in(const std::string& text) {
  int n = 0;
  for (const std::string& word : words_of(text)) n += word.find_first_not_of(".,;:!?()") != std::string::npos;
  return n;
}

// The limits of data.md section 2, and that no slot stays open.
void expect_sound_form(const Item& item) {
  EXPECT_LE(words_in(item.question), 20) << item.question;
  EXPECT_EQ(item.question.find_first_of("{}"), std::string::npos) << item.question;
  EXPECT_EQ(item.question.back(), '?') << item.question;
  EXPECT_LE(words_in(item.answer), 30) << item.answer;
  EXPECT_FALSE(item.evidence.empty());
  EXPECT_TRUE(item.level == "easy" || item.level == "medium" || item.level == "hard");
  std::set<std::string> distinct;
  for (const std::string& option : item.options) {
    EXPECT_LE(words_in(option), 10) << option;
    distinct.insert(normal_term(option));
  }
  EXPECT_EQ(distinct.size(), item.options.size());
  if (item.form == "choice") {
    ASSERT_EQ(item.options.size(), 4u) << item.question;
    EXPECT_EQ(item.options[static_cast<std::size_t>(item.answer_index)], item.answer);
  }
}

std::vector<const RuleType*> types_of(const std::string& skill) {
  std::vector<const RuleType*> types;
  for (const RuleType& type : rule_types())
    if (type.skill == skill) types.push_back(&type);
  return types;
}

TEST(ContextTables, NameOnlyLabelsOfTheBankAndHoldTogether) {
  std::set<std::string> known = {"child speaking"};
  for (const LabelInfo& label : bank_labels()) known.insert(label.name);
  const ContextTables& tables = context_tables();
  const auto expect_known = [&](const std::vector<std::string>& labels, const std::string& where) {
    for (const std::string& label : labels) EXPECT_TRUE(known.contains(label)) << where << ": " << label;
  };
  for (const auto& [label, causes] : tables.causes) {
    expect_known({label}, "causes"), expect_known(causes, "causes of " + label);
    EXPECT_EQ(std::count(causes.begin(), causes.end(), label), 0) << label;
  }
  for (const auto& [label, purposes] : tables.purposes) {
    expect_known({label}, "purposes");
    EXPECT_GE(purposes.size(), 2u) << label;
    for (const std::string& purpose : purposes) {
      EXPECT_EQ(purpose.rfind("to ", 0), 0u) << purpose;
      EXPECT_LE(words_in(purpose), 10) << purpose;
    }
  }
  std::map<std::string, std::string> aliases;
  for (const ContextPlace& place : tables.places) {
    expect_known(place.labels, place.name);
    for (const std::string& alias : place.aliases) {
      EXPECT_TRUE(aliases.emplace(alias, place.name).second) << alias << " is two places";
      ASSERT_NE(find_place("at " + alias), nullptr);
      EXPECT_EQ(find_place(alias)->name, place.name) << alias;
    }
    EXPECT_EQ(find_place(place.name), &place);
  }
  for (const auto* states : {&tables.weathers, &tables.times})
    for (const ContextState& state : *states) {
      expect_known(state.labels, state.name);
      EXPECT_EQ(find_state(*states, state.name), &state);
      for (const std::string& alias : state.aliases) EXPECT_EQ(find_state(*states, alias), &state) << alias;
      for (const std::string& near : state.near) EXPECT_NE(find_state(*states, near), nullptr) << near;
    }
  EXPECT_EQ(find_place("under the sea of no name at all"), find_place("sea"));
  EXPECT_EQ(find_place("nowhere"), nullptr);
}

TEST(ContextTables, SpeechNeedsWordsAndSounds) {
  const std::vector<SpeechSituation> all = speech_situations();
  EXPECT_GE(all.size(), 30u);
  std::set<std::string> known, closed;
  for (const LabelInfo& label : bank_labels()) known.insert(label.name);
  const std::vector<std::string> lines =
      split(read_file(std::string(AF2_SOURCE_DIR) + "/tools/word_bank/words.tsv"), '\n');
  for (std::size_t i = 1; i < lines.size(); ++i)
    if (!lines[i].empty()) closed.insert(split(lines[i], '\t')[0]);
  EXPECT_LE(closed.size(), 30u);
  std::map<std::string, std::set<std::string>> by_words, by_label;
  std::set<std::pair<std::string, std::string>> pairs;
  for (const SpeechSituation& s : all) {
    EXPECT_TRUE(closed.contains(s.words)) << s.words;
    EXPECT_TRUE(known.contains(s.label)) << s.label;
    EXPECT_TRUE(pairs.insert({s.words, s.label}).second) << s.words << " beside " << s.label << " twice";
    EXPECT_TRUE(by_words[s.words].insert(s.purpose).second) << s.purpose;
    EXPECT_TRUE(by_label[s.label].insert(s.purpose).second) << s.purpose;
    EXPECT_EQ(s.purpose.rfind("to ", 0), 0u) << s.purpose;
    for (const std::string& text : {s.purpose, s.listener, s.situation}) {
      EXPECT_FALSE(says(text, s.words)) << text << " quotes " << s.words;
      EXPECT_LE(words_in(text), 10) << text;
    }
  }
  for (const auto& [words, purposes] : by_words) EXPECT_GE(purposes.size(), 2u) << words;
  for (const auto& [label, purposes] : by_label) EXPECT_GE(purposes.size(), 2u) << label;
  EXPECT_TRUE(says("Please, COME in!", "come in"));
  EXPECT_FALSE(says("she comes into the room", "come in"));
  EXPECT_FALSE(says("anything", ""));
}

TEST(ContextualWordings, AreEnoughAndHaveNoUnknownSlots) {
  for (const std::string skill : {"contextual_sound", "contextual_speech"}) {
    const auto types = types_of(skill);
    EXPECT_EQ(types.size(), skill == "contextual_sound" ? 10u : 4u);
    for (const RuleType* type : types) {
      const auto found = all_wordings().find(type_key(skill, type->name, false));
      ASSERT_NE(found, all_wordings().end()) << type->name;
      EXPECT_GE(found->second.usual.size(), 8u) << type->name;
      EXPECT_GE(found->second.held_out.size(), 2u) << type->name;
      EXPECT_LE(found->second.held_out.size(), 3u) << type->name;
      std::set<std::string> distinct(found->second.usual.begin(), found->second.usual.end());
      distinct.insert(found->second.held_out.begin(), found->second.held_out.end());
      EXPECT_EQ(distinct.size(), found->second.usual.size() + found->second.held_out.size()) << type->name;
      for (const std::string& wording : distinct)
        EXPECT_NO_THROW(fill_slots(wording, {{"x", "a dog"}, {"who", "the speaker"}})) << wording;
      EXPECT_TRUE(knows_type([&] {
        Item item;
        item.skill = skill, item.type = type->name;
        return item;
      }()));
    }
  }
}

TEST(ContextualSound, EveryTypeAndFormHoldsOnARecordThatHasIt) {
  const Record record = farm();
  for (const RuleType* type : types_of("contextual_sound"))
    for (const std::string& form : type->forms) {
      std::set<std::string> questions;
      for (int seed = 0; seed < 40; ++seed) {
        const auto item = make(record, "contextual_sound", type->name, form, seed, seed % 5 == 0);
        ASSERT_TRUE(item) << type->name << " " << form;
        SCOPED_TRACE(type->name + ": " + prompt_of(*item) + " -> " + output_of(*item));
        expect_sound_form(*item);
        EXPECT_EQ(problem(*item, record), "");
        questions.insert(item->question);
      }
      EXPECT_GE(questions.size(), 8u) << type->name;
    }
}

TEST(ContextualSound, AnswersAreThoseOfTheStory) {
  const Record record = farm();
  const auto answer = [&](const std::string& type, const std::string& form) {
    return make(record, "contextual_sound", type, form, 1)->answer;
  };
  EXPECT_EQ(answer("cause", "choice"), "a bell ringing");
  EXPECT_EQ(answer("cause", "open"), "The dog barks because a bell rings.");
  EXPECT_EQ(answer("effect", "choice"), "a dog barking");
  EXPECT_EQ(answer("activity", "choice"), "a bell rings");
  EXPECT_EQ(answer("purpose", "open"), "To call people to a meal.");
  EXPECT_EQ(answer("interrupted", "choice"), "a sheep bleating");
  EXPECT_EQ(answer("place", "choice"), "a farm");
  EXPECT_EQ(answer("weather", "choice"), "it is raining");
  EXPECT_EQ(answer("time", "choice"), "early morning");
}

TEST(ContextualSound, TheActivityIsNotNamed) {
  const Record record = farm();
  for (int seed = 0; seed < 20; ++seed) {
    const auto item = make(record, "contextual_sound", "activity", "choice", seed);
    ASSERT_TRUE(item);
    EXPECT_THAT(item->question, HasSubstr("activity"));
    EXPECT_FALSE(says(item->question, "dog") || says(item->question, "bell")) << item->question;
  }
  Record two = record;
  two.story.relations.push_back({"causes", 6, 5, "the sheep bleat because a truck comes"});
  EXPECT_FALSE(make(two, "contextual_sound", "activity", "choice", 1)) << "which activity?";
}

TEST(ContextualSound, WhatTheRecordDoesNotFixIsNotAsked) {
  Record record = farm();
  record.story.relations[0] = {"causes", 2, 3, ""};
  record.story.relations.push_back({"causes", 6, 3, "the dog barks at the truck"});
  EXPECT_FALSE(make(record, "contextual_sound", "cause", "choice", 1)) << "two causes of one sound";
  record = farm();
  record.events[3].offset = record.events[3].onset + 0.1;
  EXPECT_FALSE(make(record, "contextual_sound", "cause", "choice", 1)) << "too short to be heard";
  record = farm();
  record.events[2].purpose = "";
  EXPECT_FALSE(make(record, "contextual_sound", "purpose", "open", 1));
  record = farm();
  record.events.push_back(event("bell", 18, 19, "to announce a visitor at the door"));
  EXPECT_FALSE(make(record, "contextual_sound", "purpose", "open", 1)) << "two purposes of one sound";
  record = farm();
  record.story.weather = "sunny";
  EXPECT_FALSE(make(record, "contextual_sound", "weather", "choice", 1)) << "not to be heard";
  record = farm();
  record.story.time = "noon";
  EXPECT_FALSE(make(record, "contextual_sound", "time", "choice", 1)) << "not to be heard";
  record = farm();
  record.story.place = "somewhere";
  EXPECT_FALSE(make(record, "contextual_sound", "place", "choice", 1)) << "not a place that is known";
  record = farm();
  record.story.parts = {{"one", "a farmyard", "", "", "", "", 0, 10},
                        {"two", "a kitchen", "", "", "", "", 10, 20}};
  EXPECT_FALSE(make(record, "contextual_sound", "place", "choice", 1)) << "two places";
  record = farm();
  record.story.relations = {{"causes", 2, 99, "no such event"}};
  EXPECT_FALSE(make(record, "contextual_sound", "cause", "choice", 1));
  for (const std::string type : {"cause", "effect", "activity", "next", "before", "interrupted"}) {
    Record bare = farm();
    bare.story.relations.clear();
    EXPECT_FALSE(make(bare, "contextual_sound", type, "choice", 1)) << type;
  }
}

TEST(ContextualSound, RecheckFindsPlantedErrors) {
  const Record record = farm();
  for (const RuleType* type : types_of("contextual_sound")) {
    const auto item = make(record, "contextual_sound", type->name, "choice", 3);
    ASSERT_TRUE(item) << type->name;
    Item wrong = *item;
    wrong.answer_index = (item->answer_index + 1) % 4;
    wrong.answer = wrong.options[static_cast<std::size_t>(wrong.answer_index)];
    EXPECT_NE(problem(wrong, record), "") << type->name << " says " << wrong.answer;
    Item twice = *item;
    twice.options[static_cast<std::size_t>((item->answer_index + 1) % 4)] = item->answer + "!";
    EXPECT_NE(problem(twice, record), "") << type->name << ": two right options";
    Record bare = record;
    bare.story = {};
    for (RecordEvent& e : bare.events) e.purpose.clear();
    EXPECT_NE(problem(*item, bare), "") << type->name << ": the record tells nothing of it";
  }
  const auto choice = [&](const std::string& type) {
    return *make(record, "contextual_sound", type, "choice", 3);
  };
  Item cause = choice("cause");
  cause.options[static_cast<std::size_t>((cause.answer_index + 1) % 4)] = "a rooster crowing";
  cause.kinds[static_cast<std::size_t>((cause.answer_index + 1) % 4)] = "absent";
  EXPECT_THAT(problem(cause, record), HasSubstr("sounds"));
  Item open = *make(record, "contextual_sound", "cause", "open", 3);
  open.answer = "The dog barks because of a cat.";
  EXPECT_THAT(problem(open, record), HasSubstr("does not name"));
  Item hidden = choice("activity");
  hidden.question = "What makes the dog bark?";
  EXPECT_THAT(problem(hidden, record), HasSubstr("should hide"));
  Item place = choice("place");
  place.options[static_cast<std::size_t>((place.answer_index + 1) % 4)] = "a forest";
  EXPECT_THAT(problem(place, record), HasSubstr("may be right"));
  Item weather = choice("weather");
  weather.options[static_cast<std::size_t>((weather.answer_index + 1) % 4)] = "there is a thunderstorm";
  EXPECT_THAT(problem(weather, record), HasSubstr("may be right"));
  Item purpose = choice("purpose");
  purpose.options[static_cast<std::size_t>((purpose.answer_index + 1) % 4)] = "to call people to a good meal";
  EXPECT_THAT(problem(purpose, record), HasSubstr("right too"));
  // A relation that the recipe also tells makes a second right option.
  Record more = record;
  more.story.relations.push_back({"causes", 6, 3, "the dog barks at the truck"});
  EXPECT_THAT(problem(choice("cause"), more), HasSubstr("also"));
}

TEST(ContextualSpeech, EverySituationOfTheTableMakesItems) {
  int asked = 0, made = 0;
  for (const SpeechSituation& s : speech_situations()) {
    Record record = spoken(s);
    const std::map<std::string, std::string> expected = {
        {"purpose", s.purpose}, {"listener", s.listener}, {"situation", s.situation}};
    for (const auto& [type, answer] : expected)
      for (const std::string form : {"choice", "open"}) {
        const auto item = make(record, "contextual_speech", type, form, 5, form == "open");
        ++asked;
        if (!item && type != "purpose") continue;  // beside applause, all words are meant for the audience
        ASSERT_TRUE(item) << s.words << " beside " << s.label << ": " << type;
        ++made;
        SCOPED_TRACE(type + ": " + prompt_of(*item) + " -> " + output_of(*item));
        expect_sound_form(*item);
        EXPECT_EQ(normal_term(item->answer), normal_term(answer));
        EXPECT_EQ(problem(*item, record), "");
        EXPECT_FALSE(says(prompt_of(*item), s.words)) << "the words are quoted";
        EXPECT_FALSE(says(item->answer, s.words)) << "the words are quoted";
      }
  }
  EXPECT_GE(made, 0.8 * asked);
}

TEST(ContextualSpeech, NeitherHalfDecides) {
  const SpeechSituation door{"come in", "bell", true, "", "", ""}, wet{"come in", "rain", true, "", "", ""},
      put_off{"one moment please", "bell", true, "", "", ""};
  const auto purpose = [&](const SpeechSituation& s) {
    return make(spoken(s), "contextual_speech", "purpose", "choice", 2)->answer;
  };
  EXPECT_NE(purpose(door), purpose(wet));
  EXPECT_NE(purpose(door), purpose(put_off));
  for (int seed = 0; seed < 50; ++seed) {
    const auto item = make(spoken(door), "contextual_speech", "purpose", "choice", seed);
    ASSERT_TRUE(item);
    int by_words = 0, by_sound = 0;
    for (std::size_t i = 0; i < item->options.size(); ++i) {
      if (static_cast<int>(i) == item->answer_index) continue;
      for (const SpeechSituation& s : speech_situations()) {
        if (s.purpose != item->options[i]) continue;
        by_words += s.words == "come in", by_sound += s.label == "bell";
      }
    }
    EXPECT_GE(by_words, 1);
    EXPECT_GE(by_sound, 1);
  }
}

TEST(ContextualSpeech, TheSoundThatIsMeantIsAskedAmongSeveral) {
  Record record = spoken({"watch it", "car", true, "", "", ""});
  EXPECT_FALSE(make(record, "contextual_speech", "reaction", "choice", 1)) << "one sound needs no words";
  record.events.push_back(event("dog", 3, 5));
  for (int seed = 0; seed < 30; ++seed) {
    const auto item = make(record, "contextual_speech", "reaction", seed % 2 ? "choice" : "open", seed);
    ASSERT_TRUE(item);
    SCOPED_TRACE(prompt_of(*item) + " -> " + output_of(*item));
    expect_sound_form(*item);
    EXPECT_EQ(problem(*item, record), "");
    EXPECT_TRUE(says(item->answer, "a car engine running"));
  }
  Item item = *make(record, "contextual_speech", "reaction", "choice", 4);
  for (std::size_t i = 0; i < 4; ++i)
    if (item.options[i] == "a dog barking") item.answer_index = static_cast<int>(i);
  item.answer = "a dog barking";
  EXPECT_THAT(problem(item, record), HasSubstr("are about car"));
}

TEST(ContextualSpeech, SpeakersAreToldApartOrNotAsked) {
  Record record = spoken({"sorry", "glass breaking", true, "", "", ""});
  record.speech.push_back(speech("some other words", 20, "man"));
  const auto item = make(record, "contextual_speech", "purpose", "open", 1);
  ASSERT_TRUE(item);
  EXPECT_TRUE(says(item->question, "the woman")) << item->question;
  EXPECT_EQ(problem(*item, record), "");
  Item unclear = *item;
  unclear.question = "Why does the speaker say this?";
  EXPECT_THAT(problem(unclear, record), HasSubstr("who is meant"));
  record.speech[1].speaker = "woman";
  EXPECT_FALSE(make(record, "contextual_speech", "purpose", "open", 1)) << "two women speak";
}

TEST(ContextualSpeech, WhatIsNotCertainIsNotAsked) {
  const SpeechSituation s{"stop", "car", true, "", "", ""};
  const auto made = [&](const Record& record) {
    return make(record, "contextual_speech", "purpose", "choice", 1).has_value();
  };
  ASSERT_TRUE(made(spoken(s)));
  Record record = spoken(s);
  record.all_labelled = false;
  EXPECT_FALSE(made(record)) << "something else may sound";
  record = spoken(s), record.speech[0].lang = "de";
  EXPECT_FALSE(made(record)) << "not English";
  record = spoken(s), record.speech[0].no_speech = 0.9;
  EXPECT_FALSE(made(record)) << "perhaps nobody speaks";
  record = spoken(s), record.speech[0].text = "stop the clock";
  EXPECT_FALSE(made(record)) << "other words";
  record = spoken(s), record.speech[0].start = 30, record.speech[0].end = 31;
  EXPECT_FALSE(made(record)) << "too far from the sound";
  record = spoken(s), record.speech[0].start = 2, record.speech[0].end = 3;
  EXPECT_FALSE(made(record)) << "before the sound";
  record = spoken(s), record.events[0].snr = -3;
  EXPECT_FALSE(made(record)) << "too soft";
  record = spoken(s), record.events.push_back(event("whistle", 6, 7));
  EXPECT_FALSE(made(record)) << "two sounds that the words may be about";
  record = spoken(s), record.events[1].purpose = "to call a taxi";
  EXPECT_FALSE(made(record)) << "the recipe knows better";
  record.events[1].purpose = "to keep a driver from moving on";
  EXPECT_TRUE(made(record));
}

TEST(ContextualSpeech, ARecipeMaySayWhatAVoiceIsFor) {
  // Not in the table: someone greets a crowd beside a guitar; the telephone gives other words a meaning.
  Record record = spoken({"hello", "electric guitar", true, "", "", ""});
  record.events.push_back(event("telephone", 9.5, 11));
  record.events[1].purpose = "to welcome the fans of a band";
  for (int seed = 0; seed < 20; ++seed) {
    const std::string form = seed % 2 ? "choice" : "open";
    const auto item = make(record, "contextual_speech", "purpose", form, seed);
    ASSERT_TRUE(item);
    SCOPED_TRACE(prompt_of(*item) + " -> " + output_of(*item));
    expect_sound_form(*item);
    EXPECT_EQ(normal_term(item->answer), "to welcome the fans of a band");
    EXPECT_EQ(problem(*item, record), "");
  }
  EXPECT_FALSE(make(record, "contextual_speech", "listener", "open", 1)) << "nobody says whom";
  Item wrong = *make(record, "contextual_speech", "purpose", "open", 1);
  wrong.answer = "To greet a pet.";
  EXPECT_NE(problem(wrong, record), "");
  record.events[1].purpose = "to say hello to the fans";
  EXPECT_FALSE(make(record, "contextual_speech", "purpose", "open", 1)) << "quotes the words";
  record.events[1].purpose = "";
  EXPECT_FALSE(make(record, "contextual_speech", "purpose", "open", 1)) << "nobody says why";
}

TEST(ContextualSpeech, RecheckFindsPlantedErrors) {
  const Record record = spoken({"stop", "car", true, "", "", ""});
  for (const std::string type : {"purpose", "listener", "situation"}) {
    const Item item = *make(record, "contextual_speech", type, "choice", 1);
    ASSERT_EQ(problem(item, record), "");
    Item wrong = item;
    wrong.answer_index = (item.answer_index + 1) % 4;
    wrong.answer = wrong.options[static_cast<std::size_t>(wrong.answer_index)];
    EXPECT_NE(problem(wrong, record), "") << type;
    Item twice = item;
    twice.options[static_cast<std::size_t>((item.answer_index + 1) % 4)] = item.answer + "!";
    EXPECT_THAT(problem(twice, record), HasSubstr("right too")) << type;
    Item quoted = item;
    quoted.question = "Why does the woman say stop?";
    EXPECT_THAT(problem(quoted, record), HasSubstr("quoted")) << type;
    Item nobody = item;
    nobody.facts["speech"] = 7;
    EXPECT_NE(problem(nobody, record), "") << type;
    Item open = *make(record, "contextual_speech", type, "open", 1);
    open.answer = "To send off a racing driver.";
    EXPECT_NE(problem(open, record), "") << type;
  }
  Item easy = *make(record, "contextual_speech", "purpose", "choice", 1);
  std::size_t next = 0;
  for (std::size_t i = 0; i < 4; ++i)
    if (static_cast<int>(i) != easy.answer_index)
      easy.options[i] =
          std::vector<std::string>{"to greet a pet", "to warn a crew", "to ask the way"}[next++];
  EXPECT_THAT(problem(easy, record), HasSubstr("words alone"));
  // The same item beside another sound: the table says otherwise.
  const Item item = *make(record, "contextual_speech", "purpose", "choice", 1);
  EXPECT_NE(problem(item, spoken({"stop", "piano", true, "", "", ""})), "");
  Record other = record;
  other.events[1].purpose = "to call a taxi";
  EXPECT_THAT(problem(item, other), HasSubstr("to call a taxi"));
  Record both = record;
  both.events.push_back(event("piano", 5, 7));
  EXPECT_THAT(problem(item, both), HasSubstr("2 situations"));
}

TEST(Contextual, TheSameSeedGivesTheSameItem) {
  for (int seed = 0; seed < 5; ++seed) {
    EXPECT_EQ(item_line(*make(farm(), "contextual_sound", "place", "choice", seed)),
              item_line(*make(farm(), "contextual_sound", "place", "choice", seed)));
    const Record record = spoken({"help", "splash", true, "", "", ""});
    EXPECT_EQ(item_line(*make(record, "contextual_speech", "purpose", "choice", seed)),
              item_line(*make(record, "contextual_speech", "purpose", "choice", seed)));
  }
}

TEST(ContextualSpeech, EveryWordingSaysWhoSpeaks) {
  int n = 0;
  for (const auto& [key, list] : all_wordings()) {
    if (!key.starts_with("contextual_speech.")) continue;
    for (const auto* wordings : {&list.usual, &list.held_out})
      for (const std::string& wording : *wordings) {
        EXPECT_NE(wording.find("{who}"), std::string::npos) << wording;
        ++n;
      }
  }
  EXPECT_GT(n, 30);
}

}  // namespace
}  // namespace af2
