// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"fmt"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// runBackbone runs a network on a batch, first with running statistics, then with the batch's, which moves the running
// mean of its first batch norm.
func runBackbone(c *Case) error {
	arch := c.Text("arch")
	stem := backbone.ImageNet
	if c.HasParam("stem") && c.Text("stem") != "imagenet" {
		if c.Text("stem") != "cifar" {
			return skip(fmt.Sprintf("stem %q is not built", c.Text("stem")))
		}
		stem = backbone.Small
	}
	width := 64
	if c.HasParam("width") {
		width = c.Int("width")
	}
	entry, err := backbone.Find(arch)
	if err != nil {
		return skip(fmt.Sprintf("backbone %q is not built", arch))
	}
	spec := backbone.Spec{Name: arch, Width: width, Stem: stem, Norm: entry.Norm}
	if c.HasParam("patch") {
		spec.Stem, spec.Size = backbone.Stem(fmt.Sprintf("patch%d", c.Int("patch"))), c.In("x").Size(2)
	}
	net, err := spec.New()
	if err != nil {
		return err
	}
	params := nn.NewParams(0, torch.F64)
	defer params.Free()
	layer := net.Build(params)
	if err := c.fill(params.All()); err != nil {
		return err
	}

	var wrong []error
	torch.NoGrad(func() {
		for _, mode := range []string{"eval", "train"} {
			if c.Has("out." + mode) {
				params.Train(mode == "train")
				wrong = append(wrong, c.near(mode, layer.Forward(c.In("x")), c.Out(mode)))
			}
		}
	})
	if c.Has("out.running_mean_after") {
		mean, _ := params.Get("bn1.running_mean")
		wrong = append(wrong, c.near("running_mean_after", mean, c.Out("running_mean_after")))
	}
	return all(wrong...)
}
