export { topKAccuracy, topKCorrect } from './accuracy.ts'
export { type Classifier, type ClassifierConfig, createClassifier, selectLabels } from './classifier.ts'
export { LabelRangeError } from './errors.ts'
export { type ClassifierLoss, classifierLoss } from './loss.ts'
