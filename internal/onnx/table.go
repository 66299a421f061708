package onnx

// The operators that can be evaluated. since lists every version in force for the
// operator sets that are accepted, also when nothing that matters here changed;
// a version that is left out is reported as unsupported.
var mainOps = map[string]opSpec{
	// shape.go, slice.go, cast.go
	"Identity":        {since: []int64{1, 13, 14, 16, 19, 21, 23, 24, 25}, minIn: 1, maxIn: 1, maxOut: 1, view: true, build: buildIdentity},
	"Constant":        {since: []int64{9, 11, 12, 13, 19, 21, 23, 24, 25}, maxIn: 0, maxOut: 1, view: true, build: buildConstant},
	"ConstantOfShape": {since: []int64{9, 20, 21, 23, 24, 25}, minIn: 1, maxIn: 1, maxOut: 1, build: buildConstantOfShape},
	"Shape":           {since: []int64{1, 13, 15, 19, 21, 23, 24, 25}, minIn: 1, maxIn: 1, maxOut: 1, build: buildShape},
	"Reshape":         {since: []int64{5, 13, 14, 19, 21, 23, 24, 25}, minIn: 2, maxIn: 2, maxOut: 1, view: true, build: buildReshape},
	"Flatten":         {since: []int64{9, 11, 13, 21, 23, 24, 25}, minIn: 1, maxIn: 1, maxOut: 1, view: true, build: buildFlatten},
	"Squeeze":         {since: []int64{1, 11, 13, 21, 23, 24, 25}, minIn: 1, maxIn: 2, maxOut: 1, view: true, build: buildSqueeze},
	"Unsqueeze":       {since: []int64{1, 11, 13, 21, 23, 24, 25}, minIn: 1, maxIn: 2, maxOut: 1, view: true, build: buildUnsqueeze},
	"Transpose":       {since: []int64{1, 13, 21, 23, 24, 25}, minIn: 1, maxIn: 1, maxOut: 1, build: buildTranspose},
	"Concat":          {since: []int64{4, 11, 13}, minIn: 1, maxIn: -1, maxOut: 1, build: buildConcat},
	"Slice":           {since: []int64{1, 10, 11, 13}, minIn: 1, maxIn: 5, maxOut: 1, build: buildSlice},
	"Split":           {since: []int64{2, 11, 13, 18}, minIn: 1, maxIn: 2, maxOut: -1, build: buildSplit},
	"Gather":          {since: []int64{1, 11, 13}, minIn: 2, maxIn: 2, maxOut: 1, build: buildGather},
	"Tile":            {since: []int64{6, 13}, minIn: 2, maxIn: 2, maxOut: 1, build: buildTile},
	"Expand":          {since: []int64{8, 13}, minIn: 2, maxIn: 2, maxOut: 1, build: buildExpand},
	"Cast":            {since: []int64{9, 13, 19, 21, 23, 24, 25}, minIn: 1, maxIn: 1, maxOut: 1, view: true, build: buildCast},

	// math.go, matmul.go
	"Add":             {since: []int64{7, 13, 14}, minIn: 2, maxIn: 2, maxOut: 1, build: buildBinary(addition)},
	"Sub":             {since: []int64{7, 13, 14}, minIn: 2, maxIn: 2, maxOut: 1, build: buildBinary(subtraction)},
	"Mul":             {since: []int64{7, 13, 14}, minIn: 2, maxIn: 2, maxOut: 1, build: buildBinary(multiplication)},
	"Div":             {since: []int64{7, 13, 14}, minIn: 2, maxIn: 2, maxOut: 1, build: buildDiv},
	"Pow":             {since: []int64{7, 12, 13, 15}, minIn: 2, maxIn: 2, maxOut: 1, build: buildPow},
	"Min":             {since: []int64{8, 12, 13}, minIn: 1, maxIn: -1, maxOut: 1, view: true, build: buildVariadic(minimum)},
	"Max":             {since: []int64{8, 12, 13}, minIn: 1, maxIn: -1, maxOut: 1, view: true, build: buildVariadic(maximum)},
	"Sum":             {since: []int64{8, 13}, minIn: 1, maxIn: -1, maxOut: 1, view: true, build: buildVariadic(addition)},
	"Neg":             {since: []int64{6, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(negation)},
	"Abs":             {since: []int64{6, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(absolute)},
	"Sign":            {since: []int64{9, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(sign)},
	"Floor":           {since: []int64{6, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(floor)},
	"Ceil":            {since: []int64{6, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(ceil)},
	"Sqrt":            {since: []int64{6, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(squareRoot)},
	"Exp":             {since: []int64{6, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(exponent)},
	"Log":             {since: []int64{6, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(logarithm)},
	"Reciprocal":      {since: []int64{6, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(inverse)},
	"Sigmoid":         {since: []int64{6, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(logistic)},
	"Tanh":            {since: []int64{6, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(tanh)},
	"Relu":            {since: []int64{6, 13, 14}, minIn: 1, maxIn: 1, maxOut: 1, build: buildUnary(rectifier)},
	"Clip":            {since: []int64{6, 11, 12, 13}, minIn: 1, maxIn: 3, maxOut: 1, build: buildClip},
	"MatMul":          {since: []int64{9, 13}, minIn: 2, maxIn: 2, maxOut: 1, build: buildMatMul},
	"Gemm":            {since: []int64{9, 11, 13}, minIn: 2, maxIn: 3, maxOut: 1, build: buildGemm},
	"Softmax":         {since: []int64{1, 11, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildSoftmax},
	"LpNormalization": {since: []int64{1, 22}, minIn: 1, maxIn: 1, maxOut: 1, build: buildLpNormalization},

	// reduce.go, arg.go
	"ReduceSum":       {since: []int64{1, 11, 13}, minIn: 1, maxIn: 2, maxOut: 1, build: buildReduce(reduceSum, 13)},
	"ReduceMean":      {since: []int64{1, 11, 13, 18}, minIn: 1, maxIn: 2, maxOut: 1, build: buildReduce(reduceMean, 18)},
	"ReduceProd":      {since: []int64{1, 11, 13, 18}, minIn: 1, maxIn: 2, maxOut: 1, build: buildReduce(reduceProd, 18)},
	"ReduceMax":       {since: []int64{1, 11, 12, 13, 18, 20}, minIn: 1, maxIn: 2, maxOut: 1, build: buildReduce(reduceMax, 18)},
	"ReduceMin":       {since: []int64{1, 11, 12, 13, 18, 20}, minIn: 1, maxIn: 2, maxOut: 1, build: buildReduce(reduceMin, 18)},
	"ReduceL1":        {since: []int64{1, 11, 13, 18}, minIn: 1, maxIn: 2, maxOut: 1, build: buildReduce(reduceL1, 18)},
	"ReduceL2":        {since: []int64{1, 11, 13, 18}, minIn: 1, maxIn: 2, maxOut: 1, build: buildReduce(reduceL2, 18)},
	"ReduceSumSquare": {since: []int64{1, 11, 13, 18}, minIn: 1, maxIn: 2, maxOut: 1, build: buildReduce(reduceSumSquare, 18)},
	"ReduceLogSum":    {since: []int64{1, 11, 13, 18}, minIn: 1, maxIn: 2, maxOut: 1, build: buildReduce(reduceLogSum, 18)},
	"ReduceLogSumExp": {since: []int64{1, 11, 13, 18}, minIn: 1, maxIn: 2, maxOut: 1, build: buildReduce(reduceLogSumExp, 18)},
	"ArgMax":          {since: []int64{1, 11, 12, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildArg(greater, greaterOrEqual)},
	"ArgMin":          {since: []int64{1, 11, 12, 13}, minIn: 1, maxIn: 1, maxOut: 1, build: buildArg(less, lessOrEqual)},
	"TopK":            {since: []int64{1, 10, 11, 24}, minIn: 1, maxIn: 2, maxOut: 2, build: buildTopK},

	// logic.go
	"Equal":          {since: []int64{7, 11, 13, 19}, minIn: 2, maxIn: 2, maxOut: 1, build: buildEqual},
	"Less":           {since: []int64{9, 13}, minIn: 2, maxIn: 2, maxOut: 1, build: buildCompare(less)},
	"LessOrEqual":    {since: []int64{12, 16}, minIn: 2, maxIn: 2, maxOut: 1, build: buildCompare(lessOrEqual)},
	"Greater":        {since: []int64{9, 13}, minIn: 2, maxIn: 2, maxOut: 1, build: buildCompare(greater)},
	"GreaterOrEqual": {since: []int64{12, 16}, minIn: 2, maxIn: 2, maxOut: 1, build: buildCompare(greaterOrEqual)},
	"And":            {since: []int64{7}, minIn: 2, maxIn: 2, maxOut: 1, build: buildBool(and)},
	"Or":             {since: []int64{7}, minIn: 2, maxIn: 2, maxOut: 1, build: buildBool(or)},
	"Not":            {since: []int64{1}, minIn: 1, maxIn: 1, maxOut: 1, build: buildNot},
	"Where":          {since: []int64{9, 16}, minIn: 3, maxIn: 3, maxOut: 1, build: buildWhere},
	"IsNaN":          {since: []int64{9, 13, 20}, minIn: 1, maxIn: 1, maxOut: 1, build: buildIsNaN},
}

// mlOps are the operators of domain ai.onnx.ml.
var mlOps = map[string]opSpec{
	// scale.go, encode.go, slice.go
	"Scaler":                {since: []int64{1}, minIn: 1, maxIn: 1, maxOut: 1, build: buildScaler},
	"Imputer":               {since: []int64{1}, minIn: 1, maxIn: 1, maxOut: 1, build: buildImputer},
	"Normalizer":            {since: []int64{1}, minIn: 1, maxIn: 1, maxOut: 1, build: buildNormalizer},
	"Binarizer":             {since: []int64{1}, minIn: 1, maxIn: 1, maxOut: 1, build: buildBinarizer},
	"FeatureVectorizer":     {since: []int64{1}, minIn: 1, maxIn: -1, maxOut: 1, build: buildFeatureVectorizer},
	"ArrayFeatureExtractor": {since: []int64{1}, minIn: 2, maxIn: 2, maxOut: 1, build: buildArrayFeatureExtractor},
	"OneHotEncoder":         {since: []int64{1}, minIn: 1, maxIn: 1, maxOut: 1, build: buildOneHotEncoder},
	"LabelEncoder":          {since: []int64{1, 2, 4}, minIn: 1, maxIn: 1, maxOut: 1, build: buildLabelEncoder},

	// linear.go, tree.go, tree_classifier.go, classes.go
	"LinearRegressor":        {since: []int64{1}, minIn: 1, maxIn: 1, maxOut: 1, build: buildLinearRegressor},
	"LinearClassifier":       {since: []int64{1}, minIn: 1, maxIn: 1, maxOut: 2, build: buildLinearClassifier},
	"TreeEnsembleRegressor":  {since: []int64{1, 3}, minIn: 1, maxIn: 1, maxOut: 1, build: buildTreeRegressor},
	"TreeEnsembleClassifier": {since: []int64{1, 3}, minIn: 1, maxIn: 1, maxOut: 2, build: buildTreeClassifier},
	"ZipMap":                 {since: []int64{1}, minIn: 1, maxIn: 1, maxOut: 1, view: true, build: buildZipMap},
}
