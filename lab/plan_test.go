// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"path/filepath"
	"testing"
)

func TestPlanKnowsWhatItsDataAllow(t *testing.T) {
	known := []Experiment{{ID: "A-1", NeedsLabels: true}, {ID: "A-2"}}
	for classes, want := range map[int]bool{0: true, 10: false} {
		p := Plan{Experiments: []string{"A-1", "A-2"}, Classes: classes}
		got, err := p.Choose(known)
		if err != nil {
			t.Fatal(err)
		}
		if (got[0].Untestable != "") != want || got[1].Untestable != "" {
			t.Errorf("with %d classes: %q, %q", classes, got[0].Untestable, got[1].Untestable)
		}
	}
	labelled := Plan{Data: "synthetic"}
	if err := labelled.Look(); err != nil || labelled.Classes < 2 {
		t.Errorf("synthetic images have %d classes, error %v", labelled.Classes, err)
	}
	without := Plan{Data: "synthetic", Set: []string{"data.labels=none"}}
	if err := without.Look(); err != nil || without.Classes != 0 {
		t.Errorf("without labels there are %d classes, error %v", without.Classes, err)
	}
	if err := (&Plan{Data: filepath.Join(t.TempDir(), "no such folder")}).Look(); err == nil {
		t.Error("data that are not there are no error")
	}
}
