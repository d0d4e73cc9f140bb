// SPDX-License-Identifier: Apache-2.0

package lab

// Arms of SimSiam and BYOL that several experiments share: each runs once.
var (
	simsiam            = Arm{Name: "SimSiam", Method: "simsiam"}
	simsiamNoStop      = Arm{Name: "without stop-gradient", Method: "simsiam", Set: []string{"method.stop_gradient=false"}}
	simsiamNoPredictor = Arm{Name: "without predictor", Method: "simsiam", Set: []string{"method.predictor_mode=none"}}
	simsiamFixed       = Arm{Name: "predictor fixed", Method: "simsiam", Set: []string{"method.predictor_mode=fixed"}}
	simsiamOneWay      = Arm{Name: "one direction", Method: "simsiam", Set: []string{"method.symmetric=false"}}
	simsiamEntropy     = Arm{Name: "cross-entropy", Method: "simsiam", Set: []string{"method.similarity=cross_entropy"}}
	simsiamHidden      = Arm{Name: "batch norm in hidden layers only", Method: "simsiam", Set: []string{"method.projector.output_norm=false"}}
	simsiamLarge       = Arm{Name: "batch 1024", Method: "simsiam", Set: []string{"train.batch=1024"}}
	simsiamNarrow      = Arm{Name: "a quarter as wide", Method: "simsiam", Set: []string{"backbone.width=4"}}
	simsiamWide        = Arm{Name: "twice as wide", Method: "simsiam", Set: []string{"backbone.width=32"}}
	// The paper warms up for a tenth of the run where it takes batch norm away.
	simsiamNoNorm = Arm{Name: "without batch norm in the heads", Method: "simsiam", Set: []string{
		"method.projector.norm=none", "method.predictor.norm=none", "optim.warmup_steps=20"}}

	byol            = Arm{Name: "BYOL", Method: "byol"}
	byolNoPredictor = Arm{Name: "without predictor", Method: "byol", Set: []string{"method.predictor_mode=none"}}
	byolNoMomentum  = Arm{Name: "without momentum", Method: "byol", Set: []string{"method.target_momentum=0", "method.final_target_momentum=0"}}
	byolFixed       = Arm{Name: "fixed random target", Method: "byol", Set: []string{"method.target_mode=fixed"}}
	byolGroupNorm   = Arm{Name: "group norm", Method: "byol", Set: []string{
		"backbone.norm=group", "method.projector.norm=group", "method.predictor.norm=group"}}
)
