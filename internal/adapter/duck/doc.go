// Package duck puts DuckDB, linked into this binary, behind the small interfaces of the rooms: quality.Engine for files
// under contract, and the same Query over tables in memory for monitors.
//
// Nothing starts before the first use. Every session and every call is a database of its own in memory (about 10 ms to
// open): nothing can collide, and nothing stays. It may use the threads and memory of the Config, spills to the temporary
// folder, and before any statement of a user runs, everything outside is shut: only the files that were named can be read,
// nothing can be written, no extension loaded, no setting changed. So a contract from a stranger can be checked.
package duck
