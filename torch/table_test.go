// SPDX-License-Identifier: Apache-2.0

package torch_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A function that nothing calls any more goes from the table, too.
func TestEveryFunctionOfTheTableIsCalled(t *testing.T) {
	table, err := os.ReadFile("shim.h")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	lines := regexp.MustCompile(`X\((?:plx_\w+, )?(\w+)[,)]`).FindAllStringSubmatch(string(table), -1)
	called := 0
	for _, line := range lines {
		if line[1] == "result" { // the comment that says what a line holds
			continue
		}
		if !strings.Contains(code.String(), "C.plx_"+line[1]+"(") {
			t.Errorf("no method calls %s: take it from shim.h", line[1])
		}
		called++
	}
	if called < 80 {
		t.Errorf("only %d functions were found in shim.h", called)
	}
}
