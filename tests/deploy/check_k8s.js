// Validates every object of deploy/k8s against the schemas of the npm package
// kubernetes-models, which is looked for in NODE_PATH. Objects come as JSON on
// stdin. Exit 77 if the package is not here.
'use strict';
let models;
try {
	models = {
		'v1/ConfigMap': require('kubernetes-models/v1/ConfigMap'),
		'apps/v1/Deployment':
		    require('kubernetes-models/apps/v1/Deployment'),
		'autoscaling/v2/HorizontalPodAutoscaler':
		    require('kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler'),
		'policy/v1/PodDisruptionBudget':
		    require('kubernetes-models/policy/v1/PodDisruptionBudget'),
	};
} catch (error) {
	console.log('no kubernetes-models: ' + error.message.split('\n')[0]);
	process.exit(77);
}
for (const object of JSON.parse(require('fs').readFileSync(0, 'utf8'))) {
	const name = object.apiVersion + '/' + object.kind;
	if (!models[name])
		throw new Error('no schema chosen for ' + name);
	new models[name][object.kind](object).validate();
	console.log('valid: ' + name + ' ' + object.metadata.name);
}
