// SPDX-License-Identifier: Apache-2.0

package collapse_test

import (
	"fmt"

	"github.com/parallax-ssl/parallax/collapse"
)

// A SimSiam run without stop-gradient, after 195 of 975 steps on CIFAR-10.
func ExampleDiagnose() {
	run := collapse.Run{
		Steps:    975,
		Constant: collapse.ConstantLoss{Value: collapse.Num(-1), Minimum: true},
		History: []collapse.Reading{
			{Loss: collapse.Num(-0.004), Embedding: &collapse.Metrics{MeanCosine: 0.006, EffectiveRank: 322.5,
				ParticipationRatio: 29.2}},
			{Step: 195, Loss: collapse.Num(-0.944), Embedding: &collapse.Metrics{MeanCosine: 0.736, EffectiveRank: 2.6,
				ParticipationRatio: 1.0}},
		},
	}
	d := collapse.Diagnose(run, nil, collapse.DefaultThresholds())
	fmt.Println(d.Class, "confirmed:", d.Confirmed)
	for _, e := range d.Evidence {
		fmt.Println(e)
	}
	// Output:
	// DIMENSIONAL confirmed: false
	// participation_ratio 1 (below 2)
	// effective_rank 2.6 (below 25.8)
	// mean_cosine 0.736 (below 0.93)
}
