package mpluskassa

import "maps"

// operation is one call of the API.
type operation struct {
	name   string // the request's element, whose type in the schema has the same name
	answer string // the answer's element and, in the schema, its type
	result bool   // the answer says in `result` what became of it; outcomes tells what that means
	write  bool   // it changes something over there
}

func operations() map[string]operation {
	out := map[string]operation{}
	for _, o := range []operation{
		{name: "getApiVersion", answer: "getApiVersionResponse"},
		{name: "getCurrentSyncMarkers", answer: "getCurrentSyncMarkersResponse"},
		{name: "getOrders", answer: "GetOrdersResponse"},
		{name: "getOrder", answer: "GetOrderResponse", result: true},
		{name: "findOrder", answer: "GetOrderResponse", result: true},
		{name: "createOrder", answer: "CreateOrderResponse", result: true, write: true},
		{name: "createOrderV3", answer: "CreateOrderV3Response", result: true, write: true},
		{name: "cancelOrder", answer: "CancelOrderResponse", result: true, write: true},
		{name: "deliverOrderV2", answer: "DeliverOrderV2Response", result: true, write: true},
		{name: "getProposals", answer: "GetProposalsResponse"},
		{name: "getReceipts", answer: "GetReceiptsResponse"},
		{name: "getRelations", answer: "GetRelationsResponse"},
		{name: "createRelation", answer: "CreateRelationResponse", result: true, write: true},
		{name: "updateRelation", answer: "UpdateRelationResponse", result: true, write: true},
		{name: "getProducts", answer: "GetProductsResponse"},
		{name: "createProduct", answer: "CreateProductResponse", result: true, write: true},
		{name: "updateProduct", answer: "UpdateProductResponse", result: true, write: true},
		{name: "getStock", answer: "GetStockResponse"},
		{name: "setStock", answer: "SetStockResponse", result: true, write: true},
		{name: "getArticleGroups", answer: "GetArticleGroupsResponse"},
		{name: "newArticleGroup", answer: "NewArticleGroupResponse", result: true, write: true},
		{name: "updateArticleGroup", answer: "UpdateArticleGroupResponse", result: true, write: true},
		{name: "getArticleGroupChanges", answer: "GetArticleGroupChangesResponse"},
		{name: "getEmployees", answer: "GetEmployeesResponse"},
		{name: "getBranches", answer: "getBranchesResponse"},
		{name: "getVatGroupList", answer: "getVatGroupListResponse"},
		{name: "getPaymentMethods", answer: "GetPaymentMethodsResponse"},
		{name: "getDeliveryMethods", answer: "GetDeliveryMethodsResponse"},
		{name: "getOrderCategories", answer: "GetOrderCategoriesResponse"},
	} {
		out[o.name] = o
	}
	return out
}

// newSchema gathers every type in use.
func newSchema() schema {
	s := requestTypes()
	for _, more := range []schema{answerTypes(), orderTypes(), receiptTypes(), lineTypes(), relationTypes(), articleTypes(), groupTypes(), treeTypes(), listTypes()} {
		maps.Copy(s, more)
	}
	return s
}

func requestTypes() schema {
	request := func(of string) []field { return []field{obj("request", of, 0, "").required()} }
	markers := func(more ...field) []field {
		return append(more, f("syncMarker", long, 0, ""), f("syncMarkerLimit", number, 0, ""))
	}
	return schema{
		"getApiVersion": {}, "getCurrentSyncMarkers": {}, "getBranches": {}, "getVatGroupList": {},
		"getPaymentMethods": {}, "getDeliveryMethods": {}, "getOrderCategories": {},

		"getOrders": request("GetOrdersRequest"),
		"GetOrdersRequest": append(markers(),
			f("fromFinancialDate", date, 0, ""), f("throughFinancialDate", date, 0, ""),
			many("articlePluNumbers", "text", "Text", 0, "").required(),
			many("articleBarcodes", "text", "Text", 0, "").required(),
			each("orderTypeList", "orderType", text, 0, "").oneOf(orderKinds()...)),
		"getProposals": request("GetProposalsRequest"),
		"GetProposalsRequest": append(markers(),
			f("fromFinancialDate", date, 0, ""), f("throughFinancialDate", date, 0, "")),
		"getReceipts": request("GetReceiptsRequest"),
		"GetReceiptsRequest": append(markers(),
			f("fromFinancialDate", date, 0, ""), f("throughFinancialDate", date, 0, ""), each("branchNumbers", "", number, 0, ""),
			many("articlePluNumbers", "text", "Text", 0, "").required(), many("articleBarcodes", "text", "Text", 0, "").required(),
			f("includeOrderReferences", boolean, 0, ""), f("includeLineList", boolean, 0, "")),
		"Text":        {f("text", text, 0, "").required()},
		"getOrder":    {f("orderId", text, 0, "").required()},
		"findOrder":   {f("extOrderId", text, 0, "").required()},
		"createOrder": {obj("order", "Order", 0, "")},

		"createOrderV3": request("CreateOrderV3Request"),
		"CreateOrderV3Request": {
			f("idempotencyKey", text, 0, "").required(), obj("order", "Order", 0, "").required(),
		},
		"cancelOrder": {f("orderId", text, 0, "").required()},

		"deliverOrderV2":        request("DeliverOrderV2Request"),
		"DeliverOrderV2Request": {obj("orderDelivery", "OrderDelivery", 0, "").required()},
		"OrderDelivery": {
			f("orderId", text, 0, "").required(), many("lineList", "line", "OrderDeliveryLine", 0, "").required(),
		},
		"OrderDeliveryLine": {
			f("lineId", text, 0, "").required(), f("quantity", quantity, 0, "").scaledBy("decimalPlaces").required(),
		},

		"getRelations":        request("GetRelationsRequest"),
		"GetRelationsRequest": markers(each("relationNumbers", "", long, 0, "")),
		"createRelation":      {obj("relation", "Relation", 0, "")},
		"updateRelation":      {obj("relation", "Relation", 0, "")},

		"getProducts": request("GetProductsRequest"),
		"GetProductsRequest": append(markers(
			each("articleNumbers", "", long, 0, ""), many("pluNumbers", "text", "Text", 0, "").required()),
			f("includeAllArticlesOfSelectedProducts", boolean, 0, ""), each("productNumbers", "", long, 0, "")),
		"createProduct": {obj("product", "Product", 0, "").required()},
		"updateProduct": {obj("product", "Product", 0, "").required()},

		"getStock": request("GetStockRequest"),
		"GetStockRequest": {
			f("branchNumber", number, 0, "").required(),
			each("articleNumbers", "articleNumbers", long, 0, "").required(),
			f("stockId", long, 0, ""),
		},
		"setStock": request("SetStockRequest"),
		"SetStockRequest": {
			f("branchNumber", number, 0, "").required(), f("articleNumber", long, 0, "").required(),
			f("amount", quantity, 0, "").scaledBy("decimalPlaces").required(),
			f("employeeNumber", long, 0, ""), f("reference", text, 0, ""),
		},

		"getArticleGroups":        request("GetArticleGroupsRequest"),
		"GetArticleGroupsRequest": {},
		"newArticleGroup":         request("NewArticleGroupRequest"),
		"NewArticleGroupRequest": {
			f("parentGroupNumber", number, 0, "").required(), f("name", text, 0, "").required(),
			f("text", text, 0, "").required(), f("sortOrder", number, 0, ""),
		},
		"updateArticleGroup": request("UpdateArticleGroupRequest"),
		"UpdateArticleGroupRequest": {
			f("groupNumber", number, 0, "").required(), f("name", text, 0, ""), f("text", text, 0, ""),
			f("sortOrder", number, 0, ""), f("parentGroupNumber", number, 0, ""),
		},
		"getArticleGroupChanges":        request("GetArticleGroupChangesRequest"),
		"GetArticleGroupChangesRequest": append(markers(), each("groupNumbers", "", number, 0, "")),
		"getEmployees":                  request("getEmployeesRequest"),
		"getEmployeesRequest":           markers(each("employeeNumbers", "", long, 0, "")),
	}
}

func orderKinds() []string {
	return []string{
		"ORDER-TYPE-SALES-ORDER", "ORDER-TYPE-REPEAT-SALES-ORDER", "ORDER-TYPE-EXTERNAL-SALES-ORDER",
		"ORDER-TYPE-TABLE-ORDER", "ORDER-TYPE-CAFETERIA-ORDER",
	}
}

func answerTypes() schema {
	result, message := f("result", text, 0, ""), f("errorMessage", text, 0, "")
	marker := f("syncMarker", long, 0, "")
	s := schema{
		"getApiVersionResponse": {
			f("majorNumber", number, 0, ""), f("minorNumber", number, 0, ""), f("revisionNumber", number, 0, ""),
			f("databaseMajorNumber", number, 0, ""), f("databaseMinorNumber", number, 0, ""),
			f("databaseRevisionNumber", number, 0, ""), f("serviceMajorNumber", number, 0, ""),
			f("serviceMinorNumber", number, 0, ""), f("serviceRevisionNumber", number, 0, ""),
			f("serviceDate", date, 0, ""), f("serviceMinWorkerThreads", number, 0, ""),
			f("serviceMaxWorkerThreads", number, 0, ""), f("inDebugMode", boolean, 0, ""),
		},
		"getCurrentSyncMarkersResponse": {
			f("articleSyncMarker", long, 0, ""), f("articleGroupSyncMarker", long, 0, ""),
			f("relationSyncMarker", long, 0, ""), f("employeeSyncMarker", long, 0, ""),
			f("receiptSyncMarker", long, 0, ""), f("orderSyncMarker", long, 0, ""), f("proposalSyncMarker", long, 0, ""),
			f("stockId", long, 0, ""),
		},
		"GetOrdersResponse":     {many("orderList", "order", "Order", 0, "")},
		"GetOrderResponse":      {result, obj("order", "Order", 0, "")},
		"GetProposalsResponse":  {many("proposalList", "proposal", "Proposal", 0, "")},
		"GetReceiptsResponse":   {many("receiptList", "receipt", "Receipt", 0, "")},
		"CreateOrderInfo":       {f("orderId", ident, 0, ""), f("orderString", text, 0, ""), f("orderQueued", boolean, 0, "")},
		"CreateOrderResponse":   {result, obj("info", "CreateOrderInfo", 0, ""), message},
		"CreateOrderV3Response": {f("idempotencyResult", text, 0, ""), result, message, obj("info", "CreateOrderInfo", 0, "")},
		"CancelOrderResponse":   {result, f("message", text, 0, "")},
		"DeliverOrderV2Response": {
			result, f("packingSlipId", ident, 0, ""), f("invoiceId", ident, 0, ""), message,
		},

		"GetRelationsResponse":   {many("relationList", "relation", "Relation", 0, "")},
		"CreateRelationResponse": {result, f("relationNumber", long, 0, ""), marker, message},
		"UpdateRelationResponse": {result, message, marker},

		"GetProductsResponse":   {many("productList", "product", "Product", 0, "")},
		"CreateProductResponse": {result, f("productNumber", long, 0, ""), each("articleNumbers", "", long, 0, ""), marker, message},
		"UpdateProductResponse": {
			result, each("existingArticleNumbers", "", long, 0, ""), each("newArticleNumbers", "", long, 0, ""), marker, message,
		},
		"GetStockResponse":               {many("articleStocks", "", "ArticleStock", 0, "")},
		"SetStockResponse":               {result, f("stockId", long, 0, "")},
		"GetArticleGroupsResponse":       {many("articleGroupList", "articleGroups", "ArticleGroup", 0, "")},
		"NewArticleGroupResponse":        {result, f("groupNumber", number, 0, "")},
		"UpdateArticleGroupResponse":     {result},
		"GetArticleGroupChangesResponse": {many("changedArticleGroupList", "changedArticleGroups", "ChangedArticleGroup", 0, "")},
		"GetEmployeesResponse":           {many("employeeList", "employee", "Employee", 0, "")},
		"getBranchesResponse":            {many("branches", "branch", "Branch", 0, "")},
		"getVatGroupListResponse":        {many("vatGroup", "", "VatGroup", 0, "")},
		"GetPaymentMethodsResponse":      {many("paymentMethodList", "paymentMethod", "PaymentMethod", 0, "")},
		"GetDeliveryMethodsResponse":     {many("deliveryMethodList", "deliveryMethod", "DeliveryMethod", 0, "")},
		"GetOrderCategoriesResponse":     {many("orderCategory", "", "OrderCategory", 0, "")},
	}
	return s
}
