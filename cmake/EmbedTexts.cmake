# Puts text files into the program: templates of prompts, wordings of questions.
#
#   af2_embed_texts(OUT HEADER FUNCTION FILES...)
#
# OUT: the .cpp to write, which defines FUNCTION of HEADER: pairs of a file's name without ending and its text.
# Made again when a file changes.
function(af2_embed_texts out header function)
  string(CONCAT code "// Made by cmake/EmbedTexts.cmake.\n#include \"${header}\"\n\nnamespace af2 {\n\n"
    "const std::vector<std::pair<std::string, std::string>>& ${function}() {\n"
    "  static const std::vector<std::pair<std::string, std::string>> all = {\n")
  foreach(file ${ARGN})
    get_filename_component(name ${file} NAME_WE)
    file(READ ${file} text)
    string(APPEND code "      {\"${name}\", R\"~~(${text})~~\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
  string(APPEND code "  };\n  return all;\n}\n\n}  // namespace af2\n")
  file(CONFIGURE OUTPUT ${out} CONTENT "${code}" @ONLY)
endfunction()
