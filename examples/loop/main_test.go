// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

func TestTrain(t *testing.T) {
	live := func() (n int) {
		if err := torch.Scope(func() error { n = torch.Live(); return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := live()
	var first, second bytes.Buffer
	const steps = 2
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := train(context.Background(), out, steps); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(first.String()), "\n")
	if len(lines) != steps {
		t.Fatalf("%d lines, want one for each of %d steps:\n%s", len(lines), steps, first.String())
	}
	for i, line := range lines {
		var step int
		var loss, std, cosine, rank float64
		if _, err := fmt.Sscanf(line, "step %d loss %f std %f mean cosine %f effective rank %f",
			&step, &loss, &std, &cosine, &rank); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if step != i+1 || loss < -1 || loss > 1 || std <= 0 || std > 1.1 || cosine < -1 || cosine > 1 ||
			rank < 1 || rank > 64 {
			t.Errorf("%q: a value out of its range", line)
		}
	}
	if first.String() != second.String() {
		t.Errorf("two runs of one seed differ:\n%s\n%s", first.String(), second.String())
	}
	if after := live(); after != before {
		t.Errorf("%d tensors before, %d after", before, after)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := train(ctx, &first, steps); err == nil {
		t.Error("a cancelled run ends without an error")
	}
}
