# Package.cmake - what is installed where, and the Debian package that is made of it (./dev package).
#
# Manual pages and change logs are compressed, and the completions of shells printed by the program itself, when they are
# installed. With PM_PACKAGE the program looks for its profiles only where they were installed, and knows no path of the sources.
include(GNUInstallDirs)
find_program(PM_GZIP gzip REQUIRED)

set(share ${CMAKE_INSTALL_DATADIR})
set(made ${CMAKE_BINARY_DIR}/install)
file(MAKE_DIRECTORY ${made})
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
  GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# install_made(NAME FOLDER COMMAND...) - what a command says becomes FOLDER/NAME.
function(install_made name folder)
  set(words "")
  foreach(word IN LISTS ARGN)
    string(APPEND words " \"${word}\"")
  endforeach()
  install(CODE "execute_process(COMMAND${words} OUTPUT_FILE \"${made}/${name}\" COMMAND_ERROR_IS_FATAL ANY)")
  install(FILES ${made}/${name} DESTINATION ${folder})
endfunction()

install(TARGETS postmuster)
install(DIRECTORY profiles/ DESTINATION ${share}/postmuster/profiles FILES_MATCHING PATTERN "*.yaml")
# The sites and movers of live profiles, which call them as ../tests/live/SYSTEM/ctl.sh.
install(DIRECTORY tests/live DESTINATION ${share}/postmuster/tests USE_SOURCE_PERMISSIONS)
install(CODE "execute_process(COMMAND chmod -R u=rwX,go=rX \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${share}/postmuster\"
  COMMAND_ERROR_IS_FATAL ANY)") # whatever the sources' modes are
install(FILES README.md DESTINATION ${share}/doc/postmuster)
install(DIRECTORY docs DESTINATION ${share}/doc/postmuster FILES_MATCHING PATTERN "*.md" PATTERN "*.png")
install_made(changelog.gz ${share}/doc/postmuster ${PM_GZIP} -9nc ${PROJECT_SOURCE_DIR}/CHANGES.md)
foreach(page postmuster.1 postmuster-profile.5 postmuster-journal.5)
  string(REGEX REPLACE ".*\\." "man" section ${page})
  install_made(${page}.gz ${CMAKE_INSTALL_MANDIR}/${section} ${PM_GZIP} -9nc ${PROJECT_SOURCE_DIR}/docs/${page})
endforeach()
install_made(postmuster ${share}/bash-completion/completions $<TARGET_FILE:postmuster> completion bash)
install_made(_postmuster ${share}/zsh/vendor-completions $<TARGET_FILE:postmuster> completion zsh)
install_made(postmuster.fish ${share}/fish/vendor_completions.d $<TARGET_FILE:postmuster> completion fish)

set(PM_MAINTAINER "postmuster maintainers <postmuster@example.org>" CACHE STRING "Who makes the package: NAME <ADDRESS>")
if(PM_PACKAGE)
  configure_file(cmake/debian/changelog.in ${made}/changelog.Debian @ONLY)
  install_made(changelog.Debian.gz ${share}/doc/postmuster ${PM_GZIP} -9nc ${made}/changelog.Debian)
  install(FILES cmake/debian/copyright DESTINATION ${share}/doc/postmuster)
  install(FILES cmake/debian/overrides DESTINATION ${share}/lintian/overrides RENAME postmuster)
endif()

set(CPACK_GENERATOR TGZ DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT ${PM_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "account for every message while mailboxes move")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, python3")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, sqlite3")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"postmuster floods recipients with mail over SMTP and X.400 P1, moves their
mailboxes between servers meanwhile, and ties every message to a delivery,
a non-delivery report, or silence. The verdict is PASS, FAIL or INCONCLUSIVE.
.
It is made for lab stress runs, validation before an upgrade, and comparison
of builds. An embedded Exchange-style site reproduces Microsoft's articles
Q172364 and Q248839 on this machine.")
include(CPack)
