// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"strings"
	"testing"
)

// A run's directory depends on all settings of its command, including the preset's for the method and its pretext.
func TestRunsOfAnotherPresetAreOthers(t *testing.T) {
	for method, part := range map[string]string{
		"swav":        " method.epsilon=0.03",
		"simsiam":     " train.batch=256",
		clusterMethod: " method.temperature=0.2", // Of SimCLR, the pretext
	} {
		if text := presetFor(method); !strings.Contains(text+" ", part+" ") {
			t.Errorf("%s: the preset's part in the name lacks%s:\n%s", method, part, text)
		}
	}
	// A setting counts by its oldest name, in an arm and in the preset.
	for _, c := range [][4]string{
		{"byol", "variant.direct.rho", "0.5", "method.direct.rho=0.5"},
		{"mocov2", "probe.leak", "true", "method.measure_leak=true"},
		{"swav", "method.epsilon", "0.03", "method.epsilon=0.03"},
	} {
		if got := original(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%s: %s=%s counts as %s, want %s", c[0], c[1], c[2], got, c[3])
		}
		now, before := Arm{Method: c[0], Set: []string{c[1] + "=" + c[2]}}, Arm{Method: c[0], Set: []string{c[3]}}
		if now.Key() != before.Key() {
			t.Errorf("%s: the arm %q is another than %q", c[0], now.Set, before.Set)
		}
	}
	j := Job{Arm: Arm{Method: "swav"}, Seed: 1}
	before := j.Dir()
	presetTexts.Store("swav", "another")
	defer presetTexts.Delete("swav")
	if j.Dir() == before {
		t.Error("runs of another preset are taken for this one's")
	}
}
