// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"testing"

	"github.com/parallax-ssl/parallax/run"
)

func TestNamesOfMetrics(t *testing.T) {
	for name, c := range map[string]struct {
		metrics []Metric
		ok      bool
	}{
		"none":       {nil, true},
		"own":        {[]Metric{{Name: "dead"}, {Name: "alive"}}, true},
		"without":    {[]Metric{{}}, false},
		"twice":      {[]Metric{{Name: "dead"}, {Name: "dead"}}, false},
		"a built-in": {[]Metric{{Name: run.KNN}}, false},
		"a field's":  {[]Metric{{Name: "spectrum"}}, false},
	} {
		err := checkNames(c.metrics)
		var invalid *run.InvalidError
		if (err == nil) != c.ok || err != nil && !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
