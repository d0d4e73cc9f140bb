// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
)

// settings are the settings of runs that take away what keeps a method from collapsing, or that published experiments
// vary. Each line is a method and its settings as --set takes them, without "method.".
var settings = []string{
	"simsiam stop_gradient=false",
	"simsiam predictor_mode=none",
	"simsiam predictor_mode=fixed",
	"simsiam predictor_rate=scheduled",
	"simsiam target_every=10",
	"simsiam symmetric=false",
	"simsiam symmetric=false predictor_mode=none",
	"simsiam similarity=cross_entropy",
	"simsiam predictor_form=bias",
	"simsiam projector.batch_norm=false projector.output_norm=false predictor.batch_norm=false", // none in the heads
	"simsiam projector.output_norm=false",                                                       // hidden layers only
	"simsiam projector.output_affine=true",
	"simsiam predictor.output_norm=true",
	"simsiam projector.norm=group predictor.norm=group",
	"simsiam projector.norm=layer",
	"simsiam view_count=3 predictor_mode=none",
	"simsiam view_count=4",
	"simsiam variance=1 covariance=0.01 predictor_mode=none",
	"byol target_mode=gradient",
	"byol target_mode=fixed",
	"byol target_momentum=0 final_target_momentum=0",
	"byol target_momentum=1",
	"byol predictor_mode=none",
	"byol predictor_mode=fixed",
	"byol predictor_mode=none target_momentum=0 final_target_momentum=0",
	"byol symmetric=false",
	"byol predictor_form=linear target_momentum=0 final_target_momentum=0",
	"byol predictor_form=symmetric predictor_rate_factor=10",
	"byol predictor_form=symmetric_mlp encoder_decay=false",
	"byol predictor_form=linear predictor_mode=fixed",
	"byol predictor_form=direct",
	"byol predictor_form=direct direct.epsilon=0 direct.constant=0.1 direct.every=2 direct.rho=0.8",
	"byol predictor_form=direct direct.centred=true",
	"byol predictor_form=direct direct.isotropic=true target_momentum=0 final_target_momentum=0",
	"byol projector.norm=none predictor.norm=none",
	"byol projector.norm=tuned predictor.norm=tuned",
	"byol projector.norm=group predictor.norm=group",
	"byol view_count=3",
	"simclr negatives=false",
	"simclr negatives=false view_count=4",
	"simclr temperature=1",
	"simclr shared_weights=false",
	"supcon negatives=false",
	"supcon form=in view_count=3",
	"supcon base_temperature=0.07",
	"dcl negatives=false",
	"dcl symmetric=false",
	"dclw view_count=3",
	"mocov1 projector.widths=[6,5]", // v1's views, v2's head
	"mocov2 projector.widths=[5]",   // v2's views, v1's head
	"mocov2 negatives=false",
	"mocov2 target_momentum=0 final_target_momentum=0",
	"mocov2 target_momentum=0.9 final_target_momentum=0.9",
	"mocov2 queue=3",
	"mocov2 groups=3",
	"mocov2 groups=3 shuffle_groups=3",
	"mocov2 shuffle_groups=4",
	"mocov2 symmetric=true",
	"mocov2 view_count=4",
	"mocov2plus symmetric=false",
	"mocov2plus view_count=3",
	"mocov3 negatives=false",
	"mocov3 predictor_mode=none target_momentum=0 final_target_momentum=0",
	"mocov3 symmetric=false view_count=3",
	"swav sinkhorn=false",
	"swav sinkhorn_iterations=1",
	"swav codes=hard",
	"swav freeze_epochs=1000", // prototypes stay as they began
	"swav freeze_epochs=0 freeze_steps=10",
	"swav large_crops=3",
	"wmse whitening=false",
	"wmse slice=4 iterations=4",
	"wmse distance=euclidean",
	"wmse view_count=4",
	"barlowtwins lambda=0",
	"barlowtwins on_diagonal=0",
	"barlowtwins centring=false",
	"barlowtwins view_count=3",
	"barlowtwins shared_weights=false view_count=3",
	"barlowtwins stop_gradient=true",
	"barlowtwins predictor_mode=trained",
	"barlowtwins stop_gradient=true predictor_mode=fixed view_count=3",
	"vicreg variance=0 covariance=0",
	"vicreg variance=0",
	"vicreg covariance=0",
	"vicreg invariance=0",
	"vicreg hinge=variance",
	"vicreg form=paper",
	"vicreg view_count=3",
	"vicreg asymmetric_views=false",
	"vicreg shared_weights=false",
	"vibcreg variance=0",
	"vibcreg hinge=variance",
	"vibcreg iter_norm=false normalized_covariance=false",
	"vibcreg view_count=4",
	"nnclr neighbour=false",
	"nnclr queue=7",
	"nnclr negatives=false predictor_mode=none",
	"nnclr symmetric=false view_count=3",
	"nnbyol neighbour=false",
	"nnbyol target_momentum=0 final_target_momentum=0",
	"nnsiam neighbour=false predictor_mode=none",
	"ressl teacher_temperature=0.1", // the student's
	"ressl target_momentum=0 final_target_momentum=0",
	"ressl weak=false",
	"ressl shuffle_groups=4",
	"ressl view_count=4",
	"paws sharpen=1",
	"paws me_max=0",
	"paws predictor_mode=trained",
	"paws symmetric=false",
	"dino centring=false",
	"dino sharpening=false",
	"dino centring=false sharpening=false",
	"dino target_momentum=0 final_target_momentum=0",
	"dino target_momentum=0 final_target_momentum=0 target_every=8",
	"dino head_norm=true",
	"dino head_layers=1",
	"tico rho=0",
	"tico covariance_gradient=true",
	"tico target_momentum=0 final_target_momentum=0",
	"tico symmetric=true view_count=3",
	"lejepa lambda=0",
	"lejepa large_crops=2 small_crops=2",
	"scan entropy_weight=0",
	"scan heads=1",
	"scan-selflabel balance=false",
	"deepclusterv2 heads=1",
}

func TestSettings(t *testing.T) {
	for _, line := range settings {
		t.Run(line, func(t *testing.T) {
			name, changes, _ := strings.Cut(line, " ")
			e, err := method.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			m := shrink(e.New())
			c := small(name, m)
			usual := fields(t, &c)
			l, err := config.New(&c)
			if err != nil {
				t.Fatal(err)
			}
			for change := range strings.FieldsSeq(changes) {
				key, value, _ := strings.Cut(change, "=")
				if err := l.Set("method."+key, value, "--set"); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.(parallax.Validator).Validate(); err != nil {
				t.Fatal(err)
			}
			with(t, wrap(m, &c), torch.F64, 6, func(b built) {
				loss := b.loss(b.step(0, 6, 1)).Item()
				if math.IsNaN(loss) || math.IsInf(loss, 0) {
					t.Errorf("the loss is %v", loss)
				}
			})
			if fields(t, &c) == usual {
				t.Error("nothing is changed by it")
			}
		})
	}
}

// fields returns a method's hyperparameters and variants as text.
func fields(t *testing.T, c *config.Config) string {
	t.Helper()
	var b strings.Builder
	for _, part := range []any{c.Method.Fields, &c.Variant} {
		all, err := config.Fields(part)
		if err != nil {
			t.Error(err)
		}
		for _, f := range all {
			b.WriteString(f.Path + "=" + f.Text + "\n")
		}
	}
	return b.String()
}
