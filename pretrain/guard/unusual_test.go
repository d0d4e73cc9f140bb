// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"testing"

	"github.com/parallax-ssl/parallax/method"
)

// The guard names the collapse-preventing settings that differ from the paper's.
func TestUnusual(t *testing.T) {
	siamese, weighed, joint := method.NewSimSiam(), method.NewVICReg(), method.NewDeepClusterV2()
	siamese.StopGradient, siamese.PredictorMode, siamese.Symmetric = false, "fixed", false
	weighed.Variance, weighed.ViewCount = 0, 3
	joint.Heads = 1 // the prevention is off only with fewer clusters, too
	for _, c := range []struct {
		name   string
		fields any
		want   string
	}{
		{"simsiam", method.NewSimSiam(), ""},
		{"simsiam", siamese, "method.stop_gradient (false, not true), method.predictor_mode (fixed, not trained)"},
		{"vicreg", weighed, "method.variance (0, not 25)"},
		{"deepclusterv2", joint, ""},
	} {
		e, err := method.Find(c.name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := unusual(e, c.fields); err != nil || got != c.want {
			t.Errorf("%s: %q, want %q (error %v)", c.name, got, c.want, err)
		}
	}
}
