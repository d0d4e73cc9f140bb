// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A row of results.json becomes a line of the table, and its figures, conditions and commands are on the page.
func TestBenchmarks(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "bench"), 0o777); err != nil {
		t.Fatal(err)
	}
	page := func(text string) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, resultsFile), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		made, err := benchmarks(root)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	if got := page("[]"); got != "Not measured yet.\n" {
		t.Errorf("without rows: %q", got)
	}
	got := page(`[{"name": "knn", "ours": 1234.5, "peer": 600.25, "ratio": 2.0567, "spread": [1.9, 2.2], "unit": "q/s",
		"peer_name": "FAISS", "machine": "2 cores", "versions": {"torch": "2.11.0", "go": "1.26"}, "date": "2026-11-30",
		"commit": "abc", "load": 0.1, "quiet": true, "command": {"ours": "searchbench", "peer": "python search.py"}},
		{"name": "minutes", "ours": 0.6, "peer": 0.5, "ratio": 1.2, "spread": [1.2, 1.2], "unit": "accuracy",
		"peer_name": "PyTorch", "machine": "2 cores", "versions": {"go": "1.26", "torch": "2.11.0"}, "load": 1.5,
		"date": "2026-11-30", "commit": "abc", "quiet": false, "command": {"ours": "a", "peer": "b"},
		"curves": [{"name": "ours", "seed": 2, "points": [{"minutes": 1.25, "knn": 0.4, "linear": 0.45}]}]}]`)
	for _, want := range []string{
		"| `knn` | 1,235 q/s | FAISS | 600 | **2.06** | 1.90 to 2.20 | 2026-11-30, abc |\n",
		"| `minutes` | 0.60 accuracy | PyTorch | 0.50 | **1.20** | 1.20 to 1.20 | 2026-11-30, abc (busy: 1.50) |\n",
		"Measured on 2 cores; go 1.26, torch 2.11.0.\n", "A row marked busy",
		"| ours | 2 | 1.2 | 0.400 | 0.450 |\n", "`knn`\n\n    searchbench\n    python search.py\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page has no %q:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "Measured on"); n != 1 {
		t.Errorf("one machine with the same versions is named %d times", n)
	}
}
