// SPDX-License-Identifier: Apache-2.0

package train

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// The norm of a part is the norm of all its gradients together. A parameter that backward did not reach counts as 0.
func TestGradientNormsByPart(t *testing.T) {
	err := torch.Scope(func() error {
		p := nn.NewParams(1, torch.F32)
		defer p.Free()
		set := func(part, name string, gradient ...float32) {
			w := p.Sub(part).Param(name, nn.Constant(0), len(gradient))
			if gradient[0] != 0 {
				w.SetGrad(torch.FromFloat32(gradient, len(gradient)))
			}
		}
		set("backbone", "conv1.weight", 3, 4)
		set("backbone", "bn1.weight", 12, 0)
		set("projector", "0.weight", 3, 4)
		set("projector", "0.bias", 0, 0)
		set("predictor", "0.weight", 0)
		got := gradientNorms(p.Trainable())
		want := map[string]run.Number{"backbone": run.Num(13), "projector": run.Num(5), "predictor": run.Num(0)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
