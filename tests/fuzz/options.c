/* options.c - how sanitizers behave in fuzz targets: memory that cannot be had is NULL, as everywhere else. */

// NOLINTNEXTLINE(readability-identifier-naming): its name is the sanitizer's
const char *__asan_default_options(void);

// NOLINTNEXTLINE(readability-identifier-naming): its name is the sanitizer's
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:max_allocation_size_mb=1024:quarantine_size_mb=16:malloc_"
           "context_size=8";
}
