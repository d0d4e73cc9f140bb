// SPDX-License-Identifier: Apache-2.0

// Matrix compares package codec with Pillow over a folder that scripts/images.py wrote:
//
//	go run ./internal/codec/matrix FOLDER
//
// It prints a table by format: files whose pixels equal Pillow's, files that codec refuses though Pillow reads them,
// and files with other pixels. It fails if any file has other pixels, or if codec reads less than 85 % of what Pillow
// reads.
package main

import (
	"fmt"
	"os"

	"github.com/parallax-ssl/parallax/internal/codec/compare"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "matrix: give the folder that scripts/images.py wrote")
		os.Exit(2)
	}
	r, err := compare.Folder(os.DirFS(os.Args[1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
	fmt.Print(r)
	if r.Failed() {
		os.Exit(1)
	}
}
