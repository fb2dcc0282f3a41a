// Records: each published layout, written by us, read into the one form; what cannot be is left out and
// counted; what is no such file is refused by file and line.
#include "af2/data/record_readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "../scratch.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/random.h"
#include "af2/data/record_clean.h"
#include "af2/data/record_measure.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Records : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    fs::create_directories((scratch.path() / name).parent_path());
    write_file_atomic(scratch.path() / name, text);
    return scratch.path() / name;
  }
  std::vector<Record> read(const std::string& name, const std::string& text, RecordInputs inputs = {}) {
    return read_records(write(name, text), inputs, counts);
  }
  void refused(const std::string& name, const std::string& text, const std::vector<std::string>& words) {
    try {
      read(name, text);
      ADD_FAILURE() << "not refused: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
      for (const auto& word : words) EXPECT_THAT(error.what(), HasSubstr(word));
    }
  }
  static std::vector<std::string> told(const std::vector<RecordEvent>& events) {
    std::vector<std::string> lines;
    for (const auto& e : events) {
      char line[200];
      std::snprintf(line, sizeof line, "%s %.3f %.3f", e.label.c_str(), e.onset, e.offset);
      lines.push_back(line);
    }
    return lines;
  }

  test::Scratch scratch;
  RecordCounts counts;
};

TEST_F(Records, DcaseEventsByOnset) {
  const auto records = read("strong.tsv",
                            "filename\tonset\toffset\tevent_label\n"
                            "yard.wav\t2.5\t4.0\tDog\nyard.wav\t0.25\t1\tSpeech\nquiet.wav\t\t\t\n"
                            "yard.wav\t3\t3\tBell\nyard.wav\t-1\t3\tBell\nyard.wav\t5\t6\t \n");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].id, "quiet");
  EXPECT_THAT(records[0].events, IsEmpty());
  EXPECT_EQ(records[1].audio, "yard.wav");
  EXPECT_EQ(records[1].group, "yard");
  EXPECT_THAT(told(records[1].events), ElementsAre("Speech 0.250 1.000", "Dog 2.500 4.000"));
  EXPECT_EQ(counts.dropped["event_ends_before_it_begins"], 1);
  EXPECT_EQ(counts.dropped["event_negative_time"], 1);
  EXPECT_EQ(counts.dropped["event_empty"], 1);
  EXPECT_EQ(counts.first["event_empty"], "yard");
}

TEST_F(Records, AudioSetStrongWithNamesAndEitherFormOfId) {
  for (const char* name : {"Yb0RFKhbpFJA_30000.wav", "-Dqk3m0_5000.flac", "Yabc_d.ogg"})
    write(std::string("clips/") + name, "x");
  const fs::path names = write("names.tsv", "/m/09x0r\tSpeech\n/m/0bt9lr\tDog\n");
  const std::string text =
      "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
      "b0RFKhbpFJA_30000\t0.000\t9.800\t/m/09x0r\nb0RFKhbpFJA_30000\t1.2\t2.4\t/m/0bt9lr\n"
      "-Dqk3m0_5000\t0\t1\tMale speech, man "
      "speaking\nabc_d_70000\t0\t1\t/m/09x0r\ngone_1000\t0\t1\t/m/09x0r\n"
      "-Dqk3m0_5000\t3\t4\t/m/unknown\n";
  const auto records =
      read("strong.tsv", text,
           {.format = "auto", .audio = (scratch.path() / "clips").string(), .names = names.string()});
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].id, "-Dqk3m0_5000");
  EXPECT_EQ(records[0].group, "-Dqk3m0");
  EXPECT_THAT(told(records[0].events), ElementsAre("Male speech, man speaking 0.000 1.000"));
  EXPECT_EQ(fs::path(records[1].audio).filename(), "Yabc_d.ogg");  // by the video's id
  EXPECT_EQ(fs::path(records[2].audio).filename(), "Yb0RFKhbpFJA_30000.wav");
  EXPECT_THAT(told(records[2].events), ElementsAre("Speech 0.000 9.800", "Dog 1.200 2.400"));
  EXPECT_EQ(counts.dropped["audio_missing"], 1);
  EXPECT_EQ(counts.first["audio_missing"], "gone_1000");
  EXPECT_EQ(counts.dropped["label_without_name"], 1);
  // The same ids as another release writes them: short column names, a table with an index.
  const auto same =
      read("short.csv", "segment_id,start,end,label\nb0RFKhbpFJA_30000,1,2,/m/0bt9lr\n",
           {.names = write("index.csv", "0,/m/09x0r,\"Speech\"\n1,/m/0bt9lr,\"Dog\"\n").string()});
  EXPECT_EQ(same.at(0).events.at(0).label, "Dog");
}

TEST_F(Records, CaptionsOfClothoAndAudioCaps) {
  const auto clotho = read("clotho.csv",
                           "file_name,caption_1,caption_2,caption_3\n"
                           "\"Rain, soft.wav\",\"Rain falls, softly.\",It rains.,\n");
  ASSERT_EQ(clotho.size(), 1u);
  EXPECT_EQ(clotho[0].id, "Rain, soft");
  ASSERT_EQ(clotho[0].captions.size(), 2u);
  EXPECT_EQ(clotho[0].captions[0].text, "Rain falls, softly.");
  EXPECT_EQ(counts.dropped["caption_empty"], 1);
  const auto caps = read("caps.csv",
                         "audiocap_id,youtube_id,start_time,caption\n"
                         "1,-0xz,30,A dog barks\n2,-0xz,30,A dog is barking\n3,-0xz,60,Rain\n");
  ASSERT_EQ(caps.size(), 2u);
  EXPECT_EQ(caps[0].id, "-0xz_30000");
  EXPECT_EQ(caps[0].group, "-0xz");
  EXPECT_EQ(caps[0].captions.size(), 2u);
  EXPECT_EQ(caps[0].duration, 10);
}

TEST_F(Records, JamsOfScapesAndOfMusic) {
  const auto scape = read("scape.jams", R"({"file_metadata":{"duration":8.0},"annotations":[
    {"namespace":"scaper","data":[
      {"time":0,"duration":8.0,"value":{"label":"rain","role":"background","snr":0},"confidence":1},
      {"time":2.5,"duration":1.5,"value":{"label":"dog","role":"foreground","snr":12.5},"confidence":1},
      {"time":7.5,"duration":2.0,"value":{"label":"bell","role":"foreground","snr":6},"confidence":1}]},
    {"namespace":"tag_open","data":{"time":[0,1],"duration":[8,2],"value":["yard","voice"],"confidence":[1,1]}},
    {"namespace":"contour_hz","data":[]}, {"namespace":"vector","data":[{"time":0,"duration":1,"value":[1]}]}]})");
  ASSERT_EQ(scape.size(), 1u);
  EXPECT_THAT(told(scape[0].events), ElementsAre("rain 0.000 8.000", "voice 1.000 3.000", "dog 2.500 4.000"));
  EXPECT_EQ(scape[0].events[0].role, "background");
  EXPECT_FALSE(scape[0].events[0].snr);
  EXPECT_EQ(scape[0].events[2].snr, 12.5);
  EXPECT_THAT(scape[0].labels, ElementsAre("yard"));
  EXPECT_EQ(counts.dropped["event_past_the_end"], 1);
  EXPECT_EQ(counts.dropped["jams_namespace_vector"], 1);

  const auto song = read("song.jams", R"({"file_metadata":{"duration":4.0},"annotations":[
    {"namespace":"beat","data":[{"time":0.5,"duration":0,"value":1},{"time":1.0,"duration":0,"value":2}]},
    {"namespace":"chord","data":[{"time":0,"duration":2,"value":"C:maj"},{"time":2,"duration":1,"value":"A:min7"},
                                 {"time":3,"duration":1,"value":"N"}]},
    {"namespace":"key_mode","data":[{"time":0,"duration":4,"value":"C:major"}]},
    {"namespace":"tempo","data":[{"time":0,"duration":4,"value":120.0}]},
    {"namespace":"note_midi","sandbox":{"instrument":"piano"},"data":[{"time":0,"duration":1,"value":60}]},
    {"namespace":"note_hz","data":[{"time":1,"duration":1,"value":880.0},{"time":2,"duration":1,"value":0.0}]},
    {"namespace":"lyrics","data":[{"time":0,"duration":1,"value":"oh"}]}]})");
  const RecordMusic& music = song.at(0).music;
  ASSERT_EQ(music.beats.size(), 2u);
  EXPECT_EQ(music.beats[1].number, 2);
  ASSERT_EQ(music.chords.size(), 2u);
  EXPECT_EQ(music.chords[0].name + " " + music.chords[1].name, "C Am7");
  EXPECT_EQ(music.key, "C major");
  EXPECT_EQ(music.tempo, 120.0);
  ASSERT_EQ(music.notes.size(), 2u);
  EXPECT_EQ(music.notes[0].instrument, "piano");
  EXPECT_NEAR(music.notes[1].pitch, 81, 1e-9);
  EXPECT_EQ(song[0].speech.at(0).text, "oh");
}

TEST_F(Records, MusicMetadata) {
  const auto bench =
      read("bench.jsonl", R"({"dataset":"MusicBench","location":"data/x1.wav","main_caption":"A calm song.",)"
                          R"("alt_caption":"Calm.","beats":[[0.5,1.0,1.5],[1.0,2.0,3.0]],"bpm":120.0,)"
                          R"("chords":["C","Am"],"chords_time":[0.1,0.9],"key":["C","major"]})"
                          "\n");
  ASSERT_EQ(bench.size(), 1u);
  EXPECT_EQ(bench[0].id, "data/x1");
  EXPECT_EQ(bench[0].captions.size(), 2u);
  EXPECT_EQ(bench[0].music.beats.at(2).number, 3);
  ASSERT_EQ(bench[0].music.chords.size(), 2u);
  EXPECT_EQ(bench[0].music.chords[1].end, 1.5);  // its last beat
  EXPECT_EQ(bench[0].music.key, "C major");
  const auto table = read(
      "tags.csv", "path,genre,instrument,mood,bpm,licence\na.mp3,jazz,\"piano|double bass\",calm,90,CC0\n");
  EXPECT_THAT(table.at(0).music.instruments, ElementsAre("piano", "double bass"));
  EXPECT_EQ(table[0].music.tempo, 90.0);
  EXPECT_EQ(table[0].licence, "CC0");
}

TEST_F(Records, MetreOfNumberedBeats) {
  const auto metre = [&](const std::string& numbers) {
    std::string times;
    int n = 0;
    for (const char c : numbers)
      if (c != ',' && c != '.') times += (n ? "," : "") + std::to_string(0.5 * n), ++n;
    return read("m.jsonl", R"({"location":"m.wav","bpm":120,"beats":[[)" + times + "],[" + numbers + "]]}\n")
        .at(0)
        .music.metre;
  };
  EXPECT_EQ(metre("1,2,3,1,2,3,1"), "3/4");
  EXPECT_EQ(metre("4,1,2,3,4,1,2,3,4,1,2"), "4/4");
  EXPECT_EQ(metre("1,2,3,1,2"), "");          // one bar
  EXPECT_EQ(metre("1,2,3,1,2,1,2,3,1"), "");  // of two lengths
  EXPECT_EQ(metre("1,2,4,1,2,4,1"), "");
  EXPECT_EQ(metre("0,0,0,0"), "");
  const auto table = read("t.csv", "path,meter\na.mp3,6/8\n");
  EXPECT_EQ(table.at(0).music.metre, "6/8");
}

TEST_F(Records, AFolderPutsTogetherWhatIsSaidOfOneClip) {
  write("set/yard.jams", R"({"file_metadata":{"duration":5},"annotations":[
    {"namespace":"segment_open","data":[{"time":1,"duration":1,"value":"dog"}]}]})");
  write("set/yard.vtt",
        "WEBVTT\n\nNOTE made by hand\n\n1\n00:00:01.500 --> 00:00:02.750 align:start\n<v Ann>Come "
        "<i>here</i>\nnow!\n\n"
        "00:04.000 --> 00:09.000\nToo late\n");
  write("set/other.srt", "1\n00:00:00,000 --> 00:00:01,250\nHello there.\n");
  write("set/track.txt", "0.5\t1.5\tbell ringing\n\\\t100\t200\n2\t3\tdog\n");
  const auto records = read_records(scratch.path() / "set", {.source = "mine", .licence = "CC0"}, counts);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].speech.at(0).text, "Hello there.");
  EXPECT_EQ(records[0].speech[0].end, 1.25);
  EXPECT_THAT(told(records[1].events), ElementsAre("bell ringing 0.500 1.500", "dog 2.000 3.000"));
  const Record& yard = records[2];
  EXPECT_THAT(told(yard.events), ElementsAre("dog 1.000 2.000"));
  ASSERT_EQ(yard.speech.size(), 1u);
  EXPECT_EQ(yard.speech[0].text, "Come here now!");
  EXPECT_EQ(counts.dropped["speech_past_the_end"], 1);
  EXPECT_EQ(yard.source + " " + yard.licence, "mine CC0");
}

TEST_F(Records, KindsOfTextsInFilesOfTheirOwnAreOneRecord) {
  write("long/heard.jsonl",
        R"({"id":"v1","audio":"v1","duration":20,"captions":[{"text":"A bell.","start":0,"end":10}]})"
        "\n");
  write("long/seen.jsonl", R"({"id":"v1","audio":"v1.mp4","visual":[{"text":"A tower.","start":0,"end":10}],)"
                           R"("music":{"metre":"3/4","texture":"canon"},"all_labelled":true})"
                           "\n");
  write("long/whole.jsonl",
        R"({"id":"v1","audio":"v1","visual":[{"text":"A town.","origin":"dense"}],"licence":"CC0"})"
        "\n"
        R"({"id":"v2","audio":"v2","visual":[{"text":"A wood.","origin":"dense"}]})"
        "\n");
  const auto records = read_records(scratch.path() / "long", {}, counts);
  ASSERT_EQ(records.size(), 2u);
  const Record& one = records[0];
  EXPECT_EQ(one.captions.size(), 1u);
  ASSERT_EQ(one.visual.size(), 2u);
  EXPECT_EQ(one.visual[0].origin + " " + one.visual[1].text, "dense A tower.");
  EXPECT_EQ(one.audio + " " + one.licence, "v1.mp4 CC0");
  EXPECT_EQ(one.duration, 20);
  EXPECT_EQ(one.music.metre + " " + one.music.texture, "3/4 canon");
  EXPECT_TRUE(one.all_labelled);
}

TEST_F(Records, OnlyThoseOfAListOfIds) {
  const std::string table =
      "filename\tonset\toffset\tevent_label\na.wav\t0\t1\tDog\nb.wav\t0\t1\tCat\nc.wav\t0\t1\tOwl\n";
  const std::string list = write("ids.jsonl", "{\"id\":\"b\",\"cluster\":3}\n\nc\ngone\n").string();
  const auto records = read("e.tsv", table, {.only = list});
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].id + records[1].id, "bc");
  EXPECT_EQ(counts.dropped["wanted_but_not_there"], 1);
  EXPECT_EQ(counts.first["wanted_but_not_there"], "gone");
  for (const auto& [text, word] :
       std::vector<std::pair<std::string, std::string>>{{"\n", "no ids"},
                                                        {"a\na\n", "ids.txt:2"},
                                                        {"{\"audio\":\"a\"}\n", "no id"},
                                                        {"a\n{\"id\":\n", "ids.txt:2"}}) {
    try {
      read_id_list(write("ids.txt", text));
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData);
      EXPECT_THAT(error.what(), HasSubstr(word));
    }
  }
}

TEST(RecordTexts, AreCleanedByTheirKind) {
  Record record;
  record.id = "walk";
  record.captions = {{"A woman speaks in Mandarin at 0:04.", 0, 10, ""}, {"The camera pans.", 10, 20, ""}};
  record.visual = {{"A red kite at 0:12.", 10, 20, ""}, {std::string(5000, 'x'), 0, 0, "dense"}};
  record.action = {{"<i>Opens a door</i>", 0, 4, ""}};
  CleanCounts cleaned;
  RecordCounts counts;
  clean_texts(record, cleaned, counts);
  ASSERT_EQ(record.captions.size(), 1u);
  EXPECT_EQ(record.captions[0].text, "A woman speaks.");
  EXPECT_EQ(record.captions[0].end, 10);
  EXPECT_EQ(record.visual.at(0).text, "A red kite.");
  EXPECT_EQ(record.visual.at(1).text.size(), 5000u);  // too long for the rules
  EXPECT_EQ(record.action.at(0).text, "Opens a door");
  EXPECT_EQ(cleaned["captions, mandarin"], 1);
  EXPECT_EQ(cleaned["captions, times"] + cleaned["visual, times"], 2);
  EXPECT_EQ(cleaned["action, markup"], 1);
  EXPECT_EQ(counts.dropped, (std::map<std::string, std::int64_t>{{"caption_nothing_left", 1}}));
  EXPECT_EQ(counts.first["caption_nothing_left"], "walk");
}

TEST_F(Records, ComeBackFromTheirLines) {
  Record record;
  record.id = "a", record.audio = "a.wav", record.duration = 4.5, record.group = "g";
  record.events = {{"dog", 1, 2}};
  record.events[0].pitch = 440.5;
  record.captions = {{"A dog barks.", 0, 0, "me"}, {"It stops.", 2, 4, ""}};
  record.music.tempo = 96;
  const std::string line = record_line(record);
  EXPECT_EQ(
      line,
      R"({"id":"a","audio":"a.wav","duration":4.5,"events":[{"label":"dog","onset":1.0,"offset":2.0,"pitch":440.5}],)"
      R"("captions":[{"text":"A dog barks.","origin":"me"},{"text":"It stops.","start":2.0,"end":4.0}],)"
      R"("music":{"tempo":96.0},"group":"g"})");
  EXPECT_EQ(record_line(read("r.jsonl", line + "\n").at(0)), line);
  EXPECT_THAT(counts.dropped, IsEmpty());
  // An end that is a little late is set to the clip's.
  record.events[0].offset = 4.55;
  EXPECT_EQ(read("r.jsonl", record_line(record) + "\n").at(0).events.at(0).offset, 4.5);
}

TEST_F(Records, WhatIsNoSuchFileIsRefusedByLine) {
  refused("a.tsv", "filename\tonset\toffset\tevent_label\na.wav\t1\tsoon\tDog\n",
          {"a.tsv:2", "offset", "soon"});
  refused("a.tsv", "filename\tonset\toffset\tevent_label\n", {"a.tsv", "no rows"});
  refused("a.tsv", "", {"a.tsv", "empty"});
  refused("b.csv", "x,y\n1,2\n", {"b.csv:1", "no known kind"});
  refused("c.tsv", "segment_id\tstart\tend\tlabel\nnoid\t0\t1\tDog\n", {"c.tsv:2", "segment_id"});
  refused("d.jams", "{}", {"d.jams", "annotations"});
  refused("d.jams", R"({"annotations":[{"namespace":"beat","data":{"time":[1],"value":[1]}}]})",
          {"d.jams beat", "duration"});
  refused("d.jams", R"({"annotations":[{"namespace":"chord","data":[{"time":0,"duration":1,"value":3}]}]})",
          {"chord", "no text"});
  refused("e.vtt", "WEBVTT\n\n00:00:61.000 --> 00:00:62.000\nx\n", {"e.vtt:3"});
  refused("e.vtt", "WEBVTT\n", {"e.vtt", "no subtitles"});
  refused("f.txt", "0.5\t1.5\tbell\n1\tsoon\tx\n", {"f.txt:2", "end"});
  refused("g.jsonl", "{\"id\":\"a\",\"audio\":\"a.wav\",\"event\":[]}\n", {"g.jsonl:1", "event", "events"});
  refused("g.jsonl", "{\"id\":\"\",\"audio\":\"a.wav\"}\n", {"g.jsonl:1", "no id"});
  refused("g.jsonl", "{\"id\":\"a\",\"audio\":\"a.wav\"}\n{\"id\":\"a\",\"audio\":\"b.wav\"}\n",
          {"g.jsonl:2", "a second time"});
  refused("g.jsonl", "[]\n", {"g.jsonl:1", "object"});
  refused("h.jsonl", R"({"location":"a.wav","beats":[[1,2],[1]]})", {"h.jsonl:1", "2 times and 1"});
  refused("i.xyz", "what", {"i.xyz", "no known kind"});
  try {
    read("a.csv", "file_name,caption\na,b\n", {.format = "caption"});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser);
    EXPECT_THAT(error.what(), HasSubstr("captions"));
  }
}

TEST_F(Records, FilesOfOneNameInTwoFoldersAreTwoClips) {
  for (const char* name : {"s/a/x.wav", "s/b/x.wav", "s/y.wav"}) write(name, "x");
  const auto records =
      read("e.tsv",
           "filename\tonset\toffset\tevent_label\na/x.wav\t0\t1\tDog\nb/x.wav\t0\t1\tCat\nx.wav\t0\t1\tCow\n"
           "c/y.wav\t0\t1\tOwl\n",
           {.audio = (scratch.path() / "s").string()});
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].id + " " + records[0].events.at(0).label, "a/x Dog");
  EXPECT_EQ(fs::path(records[1].audio), scratch.path() / "s/b/x.wav");
  EXPECT_EQ(records[2].id, "c/y");  // by its name
  EXPECT_EQ(counts.dropped["audio_of_several_folders"], 1);
  EXPECT_EQ(counts.first["audio_of_several_folders"], "x");
}

TEST_F(Records, StretchesOfTextsAndBeatsMustLieInTheClip) {
  const auto records = read(
      "r.jsonl", R"({"id":"a","audio":"a.wav","duration":4,"captions":[{"text":"late","start":3,"end":9},)"
                 R"({"text":"then","start":2,"end":3},{"text":"all"},{"text":"turned","start":2,"end":1}],)"
                 R"("music":{"beats":[{"at":2,"number":2},{"at":1,"number":1},{"at":7,"number":1}]}})"
                 "\n");
  ASSERT_EQ(records.at(0).captions.size(), 2u);
  EXPECT_EQ(records[0].captions[0].text + " " + records[0].captions[1].text, "all then");
  EXPECT_EQ(counts.dropped["caption_past_the_end"] + counts.dropped["caption_ends_before_it_begins"], 2);
  ASSERT_EQ(records[0].music.beats.size(), 2u);
  EXPECT_EQ(records[0].music.beats[0].number, 1);
  EXPECT_EQ(counts.dropped["beat_outside_the_clip"], 1);
}

// A tone of 440 Hz, softer noise, and two tones at once.
TEST(RecordMeasures, AreOfEventsThatSoundAlone) {
#ifndef AF2_WITH_EBUR128
  GTEST_SKIP() << "this build has no libebur128";
#endif
  constexpr int kRate = 16000;
  std::vector<float> x(6 * kRate);
  Random rng("af2/test/measure");
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double t = static_cast<double>(i) / kRate;
    if (t < 1) x[i] = static_cast<float>(0.3 * std::sin(2 * std::numbers::pi * 440 * t));
    if (t >= 2 && t < 3) x[i] = static_cast<float>(0.03 * rng.normal());
    if (t >= 4) x[i] = static_cast<float>(0.2 * std::sin(2 * std::numbers::pi * 200 * t));
  }
  Record record;
  record.events = {{"rain", 0, 6}, {"tone", 0, 1},  {"hiss", 2, 3},
                   {"one", 4, 5},  {"two", 4.5, 6}, {"tick", 3.2, 3.4}};
  record.events[0].role = "background";
  EXPECT_EQ(measure_events(record, x, kRate), 2);
  EXPECT_FALSE(record.events[0].level);
  EXPECT_NEAR(record.events[1].pitch.value(), 440, 2);
  EXPECT_GT(record.events[1].level.value(), record.events[2].level.value() + 10);
  EXPECT_FALSE(record.events[2].pitch);
  for (const std::size_t i : {3u, 4u, 5u}) EXPECT_FALSE(record.events[i].level) << i;
}

TEST(RecordSplits, FollowTheGroupAlone) {
  int n[kSplits] = {0, 0, 0};
  for (int i = 0; i < 4000; ++i) {
    const std::string group = "group" + std::to_string(i);
    const Split split = split_of_group(group);
    EXPECT_EQ(split, split_of_group(group));
    ++n[static_cast<int>(split)];
  }
  EXPECT_NEAR(n[0], 3200, 100);
  EXPECT_NEAR(n[1], 400, 70);
  EXPECT_NEAR(n[2], 400, 70);
  EXPECT_EQ(split_of_group("x", {0, 0, 1}), Split::kTest);
  EXPECT_THROW(split_of_group("x", {0, 0, 0}), Error);
}

}  // namespace
}  // namespace af2
