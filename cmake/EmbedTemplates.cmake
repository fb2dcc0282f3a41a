# Puts the templates of prompts into the program (af2/data/llm_template.h).
#
#   af2_embed_templates(OUT FILES...)   OUT: the .cpp to write; made again when a file changes
function(af2_embed_templates out)
  string(CONCAT code "// Made by cmake/EmbedTemplates.cmake.\n#include \"af2/data/llm_template.h\"\n\nnamespace af2 {\n\n"
    "const std::vector<std::pair<std::string, std::string>>& embedded_templates() {\n"
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
