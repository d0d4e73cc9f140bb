// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"testing"
)

// The table in the repository is up to date with the comments.
func TestFresh(t *testing.T) {
	want, err := table("../../..")
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../comments.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("internal/describe/comments.go is not what the comments beside the fields say: run go generate " +
			"./internal/describe")
	}
}
