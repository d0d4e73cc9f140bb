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
	j := Job{Arm: Arm{Method: "swav"}, Seed: 1}
	before := j.Dir()
	presetTexts.Store("swav", "another")
	defer presetTexts.Delete("swav")
	if j.Dir() == before {
		t.Error("runs of another preset are taken for this one's")
	}
}
