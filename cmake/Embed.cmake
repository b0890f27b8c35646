# Embed.cmake - files become arrays of octets in one C file, so that the program needs nothing beside itself.
#
# embed_files(target OUT name.c HEADER root/relative.h [SYMBOL file...]...): as include(), where each SYMBOL of HEADER
# (`extern const struct slice SYMBOL`) is the text of its files, one behind the other. As a script it writes the C file.
if(CMAKE_SCRIPT_MODE_FILE)
  set(text "/* Made by cmake/Embed.cmake from ${FROM}. */\n#include \"${HEADER}\"\n")
  string(REPLACE "|" ";" rows "${ROWS}")
  foreach(row IN LISTS rows)
    string(REPLACE "," ";" files "${row}")
    list(POP_FRONT files symbol)
    set(bytes "")
    foreach(f IN LISTS files)
      file(READ ${f} hex HEX)
      string(APPEND bytes "${hex}")
    endforeach()
    # A line for every 32 octets, and a comma behind each.
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "(................................................................................................................................................................)"
      "\\1\n" bytes "${bytes}")
    string(APPEND text "\nstatic const unsigned char ${symbol}_bytes[] = {\n${bytes}\n};\n")
    string(APPEND text "const struct slice ${symbol} = {${symbol}_bytes, sizeof ${symbol}_bytes};\n")
  endforeach()
  file(WRITE ${OUT} "${text}")
  return()
endif()

function(embed_files target)
  cmake_parse_arguments(arg "" "OUT;HEADER" "ROWS" ${ARGN})
  set(depends "")
  foreach(row IN LISTS arg_ROWS)
    string(REPLACE "," ";" files "${row}")
    list(POP_FRONT files)
    list(APPEND depends ${files})
  endforeach()
  string(REPLACE ";" "|" rows "${arg_ROWS}")
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/${arg_OUT}
    COMMAND ${CMAKE_COMMAND} -DOUT=${CMAKE_BINARY_DIR}/${arg_OUT} -DHEADER=${arg_HEADER} -DFROM=${target}
      "-DROWS=${rows}" -P ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake
    DEPENDS ${depends} ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake VERBATIM)
  target_sources(${target} PRIVATE ${CMAKE_BINARY_DIR}/${arg_OUT})
endfunction()
