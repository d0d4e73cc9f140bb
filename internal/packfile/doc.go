// SPDX-License-Identifier: Apache-2.0

// Package packfile has the format of packs: the images of a data set in a few large files. docs/packs.md has its bytes.
//
// A pack is a folder. The manifest parallax-pack.json is written last; the shards hold what images are made of, one
// after the other, then a table of them, and a trailer that finds the table. Files come from outside: whatever the
// bytes, reading ends with an error at worst, and takes no more memory than a small multiple of the file's size.
package packfile
